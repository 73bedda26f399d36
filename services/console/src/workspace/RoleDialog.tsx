/** Make a role of this workspace's own, or change one: what it is called and what it allows. */
import { Checkbox } from "antd";
import { useState } from "react";

import type { Action, Role, Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { may } from "./rights";
import { ACTIONS, roleNameProblem, topicsOf } from "./roleTable";

/** What nobody can be without who is to see the workspace at all. */
const BASIS: Action[] = ["me.read", "workspace.read", "spec.list"];

interface Props {
  workspace: Workspace;
  /** None yet: a new role. */
  role: Role | null;
  roles: readonly Role[];
  onClose: () => void;
}

export function RoleDialog({ workspace, role, roles, onClose }: Props) {
  const [name, setName] = useState(role?.name ?? "");
  const [description, setDescription] = useState(role?.description ?? "");
  const [actions, setActions] = useState<Action[]>(role?.actions ?? BASIS);
  const put = useAction({
    run: () => workspaceCalls.putRole(workspace.id, name, { description: description.trim(), actions }),
    lists: ["roles", "workspaces"],
  });
  const problem = role ? undefined : roleNameProblem(name, roles);
  const toggle = (action: Action, on: boolean) =>
    setActions(on ? [...actions, action] : actions.filter((item) => item !== action));
  return (
    <FormDialog
      title={role ? `Change the role ${role.name}` : "New role"}
      okText={role ? "Change" : "Make the role"}
      onSubmit={() => put.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      pending={put.isPending}
      error={put.error}
      disabled={problem !== undefined || actions.length === 0}
      width={720}
    >
      {!role && (
        <TextField
          label="Name"
          value={name}
          onChange={setName}
          mono
          autoFocus
          maxLength={30}
          placeholder="reviewer"
          problem={name ? problem : undefined}
        />
      )}
      <TextField label="Description (optional)" value={description} onChange={setDescription} maxLength={500} />
      <div className="check-groups">
        {topicsOf(roles).map((topic) => (
          <fieldset key={topic.title} className="checks">
            <legend>{topic.title}</legend>
            {topic.actions.map((action) => (
              <Checkbox
                key={action}
                checked={actions.includes(action)}
                disabled={!may(workspace, action)}
                onChange={(event) => toggle(action, event.target.checked)}
              >
                {ACTIONS[action]}
              </Checkbox>
            ))}
          </fieldset>
        ))}
      </div>
      <p className="quiet">You can give only what you may do yourself.</p>
    </FormDialog>
  );
}
