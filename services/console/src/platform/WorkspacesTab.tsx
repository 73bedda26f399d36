/** All workspaces: made, archived, opened again and deleted here. */
import { PlusOutlined } from "@ant-design/icons";
import { Button, Input } from "antd";
import { useState } from "react";

import type { Workspace } from "../api/models";
import { DataTable, type Column } from "../common/DataTable";
import { useScope } from "../shell/scope";
import { may } from "../workspace/rights";
import { useWorkspaceActions } from "../workspace/useWorkspaceActions";
import { WORKSPACE_COLUMNS } from "../workspace/WorkspaceList";
import { CreateWorkspaceDialog } from "./CreateWorkspaceDialog";

const SEARCH_FROM = 8;

export function WorkspacesTab() {
  const { workspaces } = useScope();
  const actions = useWorkspaceActions();
  const [creating, setCreating] = useState(false);
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = workspaces.filter(({ name, display_name }) => `${name} ${display_name}`.toLowerCase().includes(wanted));
  return (
    <>
      <div className="section-head">
        <h2>Workspaces</h2>
        {workspaces.length >= SEARCH_FROM && (
          <Input.Search
            allowClear
            className="search"
            placeholder="Search"
            aria-label="Search workspaces"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setCreating(true)}>
          New workspace
        </Button>
      </div>
      <DataTable
        label="Workspaces"
        columns={columns(actions)}
        items={shown}
        error={null}
        again={() => undefined}
        keyOf={({ id }) => id}
        rowProps={({ name, display_name }) => ({
          "aria-label": display_name,
          "data-testid": `workspace-row-${name}`,
        })}
        empty={<p className="quiet nothing">No workspace has this name.</p>}
      />
      {creating && <CreateWorkspaceDialog onClose={() => setCreating(false)} />}
    </>
  );
}

function columns(actions: ReturnType<typeof useWorkspaceActions>): Column<Workspace>[] {
  return [
    ...WORKSPACE_COLUMNS.filter(({ key }) => key !== "roles"),
    {
      key: "actions",
      title: "Actions",
      hideTitle: true,
      width: "1%",
      render: (workspace) =>
        may(workspace, "workspace.archive") && (
          <span className="row-buttons">
            <Button onClick={() => actions.archive(workspace)}>
              {workspace.archived_at ? "Open again" : "Archive"}
            </Button>
            <Button onClick={() => actions.remove(workspace)}>Delete</Button>
          </span>
        ),
    },
  ];
}
