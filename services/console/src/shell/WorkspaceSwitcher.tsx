/** The choice of the workspace that the console shows; there is none for who is in one only. */
import { Select } from "antd";

import { goTo, useRoute } from "./route";
import { useScope } from "./scope";

const ALL = "";

export function WorkspaceSwitcher() {
  const { workspaces, chosen, choose } = useScope();
  const { page, extra } = useRoute();
  if (workspaces.length < 2) return null;

  function change(id: string): void {
    choose(id || undefined);
    // That page has the workspace in its address.
    if (page === "workspace") goTo("workspace", workspaces.find((item) => item.id === id)?.name, extra);
  }

  const options = workspaces.map(({ id, name, display_name, archived_at }) => ({
    value: id,
    label: archived_at ? `${display_name} (archived)` : display_name,
    search: `${display_name} ${name}`.toLowerCase(),
  }));
  return (
    <Select
      className="switcher"
      aria-label="Workspace"
      value={chosen?.id ?? ALL}
      onChange={change}
      showSearch={{ filterOption: (text, option) => option?.search.includes(text.toLowerCase()) ?? false }}
      popupMatchSelectWidth={false}
      options={[{ value: ALL, label: "All workspaces", search: "all workspaces" }, ...options]}
    />
  );
}
