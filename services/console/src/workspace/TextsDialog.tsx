/** Change the title and the description of a workspace. */
import { useState } from "react";

import type { Workspace, WorkspaceChange } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";

export function TextsDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [title, setTitle] = useState(workspace.display_name);
  const [description, setDescription] = useState(workspace.description);
  const change = useAction({
    run: (body: WorkspaceChange) => workspaceCalls.changeWorkspace(workspace.id, body),
    lists: ["workspaces"],
  });
  const body = { display_name: title.trim(), description: description.trim() };
  return (
    <FormDialog
      title={`Change “${workspace.display_name}”`}
      okText="Change"
      onSubmit={() => change.mutate(body, { onSuccess: onClose })}
      onClose={onClose}
      pending={change.isPending}
      error={change.error}
      disabled={!title.trim()}
    >
      <TextField label="Title" value={title} onChange={setTitle} maxLength={100} autoFocus />
      <TextField
        label="Description"
        value={description}
        onChange={setDescription}
        rows={4}
        maxLength={2000}
        placeholder="Who works here, and on what"
      />
    </FormDialog>
  );
}
