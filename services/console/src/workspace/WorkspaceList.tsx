/** The user's workspaces, to choose one. */
import type { Workspace } from "../api/models";
import { DataTable, type Column } from "../common/DataTable";
import { formatDate } from "../common/format";
import { PageTitle } from "../common/PageTitle";
import { hrefOf } from "../shell/route";
import { useScope } from "../shell/scope";

export function WorkspaceList() {
  const { workspaces } = useScope();
  return (
    <>
      <PageTitle title="Workspaces" text="The teams that you work in. Choose one to see its members, quotas and use." />
      <DataTable
        label="Workspaces"
        columns={WORKSPACE_COLUMNS}
        items={workspaces}
        error={null}
        again={() => undefined}
        keyOf={({ id }) => id}
        rowProps={({ name, display_name }) => ({
          "aria-label": display_name,
          "data-testid": `workspace-row-${name}`,
        })}
        empty={null}
      />
    </>
  );
}

export const WORKSPACE_COLUMNS: Column<Workspace>[] = [
  {
    key: "name",
    title: "Name",
    render: ({ name, display_name, description }) => (
      <>
        <a className="title" href={hrefOf("workspace", name)}>
          {display_name}
        </a>
        <span className="sub mono">{name}</span>
        {description && <span className="sub">{description}</span>}
      </>
    ),
  },
  { key: "roles", title: "Your roles", width: "18%", render: ({ roles }) => roles.join(", ") },
  { key: "members", title: "Members", width: "8em", render: ({ members }) => members },
  {
    key: "state",
    title: "State",
    width: "16em",
    render: ({ archived_at }) =>
      archived_at ? <span className="quiet">archived {formatDate(archived_at)}</span> : "in use",
  },
  { key: "created", title: "Created", width: "10em", render: ({ created_at }) => formatDate(created_at) },
];
