/** Add a member, or choose the roles of one. */
import { Checkbox } from "antd";
import { useState } from "react";

import type { Member, Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useRoles } from "../api/workspaceQueries";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { mayGive } from "./roleTable";

interface Props {
  workspace: Workspace;
  /** Nobody yet: a new member. */
  member: Member | null;
  onClose: () => void;
}

export function MemberDialog({ workspace, member, onClose }: Props) {
  const known = useRoles(workspace.id).data ?? [];
  const [username, setUsername] = useState(member?.username ?? "");
  const [roles, setRoles] = useState(member?.roles ?? []);
  const name = username.trim();
  const put = useAction({
    run: () => workspaceCalls.putMember(workspace.id, name, { roles, disabled: member?.disabled ?? false }),
    lists: ["members", "workspaces"],
  });
  const byGroup = member?.group_roles ?? [];
  const toggle = (role: string, on: boolean) =>
    setRoles(on ? [...roles, role] : roles.filter((item) => item !== role));
  return (
    <FormDialog
      title={member ? `Roles of ${member.username}` : "Add a member"}
      okText={member ? "Set the roles" : "Add"}
      onSubmit={() => put.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
      pending={put.isPending}
      error={put.error}
      disabled={!name || (roles.length === 0 && byGroup.length === 0)}
    >
      {!member && (
        <TextField
          label="User name"
          value={username}
          onChange={setUsername}
          autoFocus
          maxLength={255}
          help="As they log in. They see this workspace within seconds, or when they log in first."
        />
      )}
      {byGroup.length > 0 && (
        <p className="quiet">By groups of the identity provider they have: {byGroup.join(", ")}.</p>
      )}
      <fieldset className="checks">
        <legend>Roles</legend>
        {known.map((role) => {
          const had = roles.includes(role.name);
          return (
            <Checkbox
              key={role.name}
              checked={had}
              disabled={!had && !mayGive(role, workspace)}
              onChange={(event) => toggle(role.name, event.target.checked)}
            >
              <strong>{role.name}</strong>
              <span className="sub">
                {mayGive(role, workspace) ? role.description : "It allows more than you may do yourself."}
              </span>
            </Checkbox>
          );
        })}
      </fieldset>
    </FormDialog>
  );
}
