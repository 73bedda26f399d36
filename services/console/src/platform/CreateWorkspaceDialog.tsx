/** Make a workspace and name its first owner. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { WorkspaceCreate } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { NAME_MAX, serverName } from "../instances/names";
import { useUser } from "../shell/me";
import { goTo } from "../shell/route";
import { useScope } from "../shell/scope";

const NAME = /^[a-z][a-z0-9-]{0,29}$/;

export function CreateWorkspaceDialog({ onClose }: { onClose: () => void }) {
  const me = useUser();
  const taken = useScope().workspaces.map((workspace) => workspace.name);
  const [title, setTitle] = useState("");
  const [ownName, setOwnName] = useState<string>();
  const [owner, setOwner] = useState(me.name);
  const [description, setDescription] = useState("");
  const keyOf = useOnceKey();
  const queries = useQueryClient();
  const create = useAction({
    run: async (body: WorkspaceCreate) => {
      const made = await workspaceCalls.createWorkspace(body, keyOf(body));
      // Its page is shown next, and finds it in the list.
      await queries.refetchQueries({ queryKey: ["workspaces"] });
      return made;
    },
    lists: ["workspaces"],
  });
  const name = ownName ?? (title.trim() ? serverName(title, taken) : "");
  const problem = !name
    ? undefined
    : taken.includes(name)
      ? "There is a workspace of this name."
      : NAME.test(name)
        ? undefined
        : "1 to 30 characters of a–z, 0–9 and dashes, beginning with a letter.";

  function submit(): void {
    const body = { name, display_name: title.trim(), description: description.trim(), owner: owner.trim() };
    create.mutate(body, {
      onSuccess: (made) => {
        onClose();
        goTo("workspace", made.name, "members");
      },
    });
  }

  return (
    <FormDialog
      title="New workspace"
      okText="Create"
      onSubmit={submit}
      onClose={onClose}
      pending={create.isPending}
      error={create.error}
      disabled={!title.trim() || !name || !owner.trim() || problem !== undefined}
    >
      <TextField label="Title" value={title} onChange={setTitle} autoFocus maxLength={100} placeholder="Vision team" />
      <TextField
        label="Name"
        value={name}
        onChange={setOwnName}
        mono
        maxLength={NAME_MAX}
        problem={problem}
        help="In addresses and commands; it cannot be changed later."
      />
      <TextField label="First owner" value={owner} onChange={setOwner} maxLength={255} help="A user name, as they log in." />
      <TextField label="Description (optional)" value={description} onChange={setDescription} rows={2} maxLength={2000} />
    </FormDialog>
  );
}
