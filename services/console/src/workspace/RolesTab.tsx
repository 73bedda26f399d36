/** What each role allows, as a table of actions; the workspace's own roles are made and changed here. */
import { CheckOutlined, PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { Fragment, useState } from "react";

import type { Role, Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useRoles } from "../api/workspaceQueries";
import { Loaded } from "../common/Loaded";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { may } from "./rights";
import { RoleDialog } from "./RoleDialog";
import { ACTIONS, topicsOf } from "./roleTable";

export function RolesTab({ workspace }: { workspace: Workspace }) {
  const roles = useRoles(workspace.id);
  // `null` asks for a new role.
  const [edited, setEdited] = useState<Role | null>();
  const manages = may(workspace, "role.manage");
  return (
    <Loaded query={roles}>
      {(all) => (
        <>
          <div className="section-head">
            <h2>Roles</h2>
            {manages && (
              <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEdited(null)}>
                New role
              </Button>
            )}
          </div>
          <OwnRoles workspace={workspace} roles={all} manages={manages} onEdit={setEdited} />
          <Matrix roles={all} />
          {edited !== undefined && (
            <RoleDialog workspace={workspace} role={edited} roles={all} onClose={() => setEdited(undefined)} />
          )}
        </>
      )}
    </Loaded>
  );
}

interface OwnProps {
  workspace: Workspace;
  roles: readonly Role[];
  manages: boolean;
  onEdit: (role: Role) => void;
}

function OwnRoles({ workspace, roles, manages, onEdit }: OwnProps) {
  const confirm = useConfirm();
  const remove = useAction({
    run: (role: Role) => workspaceCalls.deleteRole(workspace.id, role.name),
    lists: ["roles"],
    refused: (role) => `The role ${role.name} was not deleted`,
  });
  const own = roles.filter(({ builtin }) => !builtin);
  if (own.length === 0) return null;
  return (
    <ul className="plain-list sheet" aria-label="Roles of this workspace">
      {own.map((role) => (
        <li key={role.name}>
          <span className="grow">
            <strong>{role.name}</strong>
            <span className="sub">{role.description || `${role.actions.length} actions`}</span>
          </span>
          {manages && (
            <>
              <Button onClick={() => onEdit(role)}>Change</Button>
              <Button
                onClick={() =>
                  confirm({
                    title: `Delete the role ${role.name}?`,
                    content: "A role that a member still has is not deleted.",
                    okText: "Delete",
                    run: () => remove.mutateAsync(role),
                  })
                }
              >
                Delete
              </Button>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function Matrix({ roles }: { roles: readonly Role[] }) {
  return (
    <div className="sheet matrix">
      <table aria-label="What roles allow">
        <thead>
          <tr>
            <th scope="col">Action</th>
            {roles.map(({ name, description }) => (
              <th key={name} scope="col" title={description}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {topicsOf(roles).map(({ title, actions }) => (
            <Fragment key={title}>
              <tr className="topic">
                <th scope="colgroup" colSpan={roles.length + 1}>
                  {title}
                </th>
              </tr>
              {actions.map((action) => (
                <tr key={action}>
                  <th scope="row" title={action}>
                    {ACTIONS[action]}
                  </th>
                  {roles.map((role) => (
                    <td key={role.name}>{role.actions.includes(action) ? <Yes /> : <No />}</td>
                  ))}
                </tr>
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Yes = () => <CheckOutlined aria-label="yes" />;
const No = () => <span className="unseen">no</span>;
