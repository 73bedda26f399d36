/** The members of a workspace, and what they are in it. */
import { PlusOutlined } from "@ant-design/icons";
import { Button, Tag } from "antd";
import { useState } from "react";

import type { Member, Workspace } from "../api/models";
import { usePaged } from "../api/usePaged";
import { workspaceCalls } from "../api/workspaceCalls";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { useUser } from "../shell/me";
import { MemberDialog } from "./MemberDialog";
import { may } from "./rights";
import { useMemberActions, type MemberActions } from "./useMemberActions";

export function MembersTab({ workspace }: { workspace: Workspace }) {
  const list = usePaged(["members", workspace.id], (cursor, signal) =>
    workspaceCalls.members(workspace.id, cursor, signal),
  );
  const { name } = useUser();
  const actions = useMemberActions(workspace);
  // `null` asks for a new member.
  const [edited, setEdited] = useState<Member | null>();
  const manages = may(workspace, "member.manage");
  return (
    <>
      <div className="section-head">
        <h2>Members</h2>
        {manages && (
          <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEdited(null)}>
            Add a member
          </Button>
        )}
      </div>
      <DataTable
        label="Members"
        columns={columns(name, manages ? actions : undefined, setEdited)}
        items={list.items}
        error={list.error}
        again={list.again}
        more={list.more}
        keyOf={({ username }) => username}
        rowProps={({ username }) => ({ "aria-label": username, "data-testid": `member-row-${username}` })}
        empty={<p className="quiet nothing">Nobody is a member. A platform administrator can add the first one.</p>}
      />
      {edited !== undefined && (
        <MemberDialog workspace={workspace} member={edited} onClose={() => setEdited(undefined)} />
      )}
    </>
  );
}

function columns(
  user: string,
  actions: MemberActions | undefined,
  edit: (member: Member) => void,
): Column<Member>[] {
  const shown: Column<Member>[] = [
    {
      key: "name",
      title: "User",
      width: "24%",
      render: ({ username, disabled }) => (
        <>
          <span className="title">
            {username}
            {username === user && <span className="quiet"> (you)</span>}
          </span>
          {disabled && <Tag color="red">disabled: no access</Tag>}
        </>
      ),
    },
    {
      key: "roles",
      title: "Roles",
      render: ({ roles, group_roles = [] }) => (
        <span className="tags">
          {roles.map((role) => (
            <Tag key={role}>{role}</Tag>
          ))}
          {group_roles.map((role) => (
            <Tag key={role} color="geekblue">
              {role}, by a group
            </Tag>
          ))}
        </span>
      ),
    },
    {
      key: "added",
      title: "Added",
      width: "14em",
      render: ({ added_at, added_by }) => (
        <>
          <Ago at={added_at} />
          {added_by && <span className="sub">by {added_by}</span>}
        </>
      ),
    },
  ];
  if (!actions) return shown;
  const buttons: Column<Member> = {
    key: "actions",
    title: "Actions",
    hideTitle: true,
    width: "1%",
    render: (member) => (
      <span className="row-buttons">
        <Button onClick={() => edit(member)}>Roles</Button>
        <Button onClick={() => actions.setDisabled(member)}>{member.disabled ? "Enable" : "Disable"}</Button>
        {!member.group_roles?.length && <Button onClick={() => actions.remove(member)}>Remove</Button>}
      </span>
    ),
  };
  return [...shown, buttons];
}
