/** The choice of whom a quota gets a cap for: a member, a role, or a band of priorities. */
import { Select } from "antd";

import type { Quota, Workspace } from "../api/models";
import { useMembers, useRoles } from "../api/workspaceQueries";
import { BAND_NAMES, rowsOf, titleOf, withLimits, type RowKey } from "./quotaEdit";
import { may } from "./rights";

interface Props {
  workspace: Workspace;
  quota: Quota;
  /** Whether the user gives quotas; bands are a part of what is given. */
  gives: boolean;
  onChange: (quota: Quota) => void;
}

export function AddCap({ workspace, quota, gives, onChange }: Props) {
  const reads = may(workspace, "member.read");
  const members = useMembers(workspace.id, reads).data ?? [];
  const roles = useRoles(workspace.id, reads).data ?? [];
  const taken = new Set<string>(rowsOf(quota).map(({ key }) => key));
  const options = (kind: "members" | "per_role" | "per_band", names: string[]) =>
    names
      .map((name) => ({ value: `${kind}/${name}`, label: titleOf(kind, name) }))
      .filter(({ value }) => !taken.has(value));
  return (
    <Select
      className="add-cap"
      aria-label="Add a cap"
      placeholder="Add a cap for a role, a member…"
      value={null}
      showSearch={{ optionFilterProp: "label" }}
      popupMatchSelectWidth={false}
      onChange={(key: string | null) => key && onChange(withLimits(quota, key as RowKey, {}))}
      options={[
        { label: "Each member with a role", options: options("per_role", roles.map(({ name }) => name)) },
        { label: "One member, instead of “Each member”", options: options("members", members.map(({ username }) => username)) },
        ...(gives ? [{ label: "All instances with such a priority", options: options("per_band", BAND_NAMES) }] : []),
      ]}
    />
  );
}
