/** The audit log: who did what and when, with filters, and the same as CSV. */
import { DownloadOutlined } from "@ant-design/icons";
import { Button, Tag } from "antd";
import { useState } from "react";

import type { Action, AuditLine, Workspace } from "../api/models";
import { usePaged } from "../api/usePaged";
import { csvUrl, workspaceCalls, type AuditQuery } from "../api/workspaceCalls";
import { DataTable, type Column } from "../common/DataTable";
import { formatDateTime } from "../common/format";
import { useSettled } from "../common/useSettled";
import { useScope } from "../shell/scope";
import { ACTIONS } from "../workspace/roleTable";
import { AuditFilterBar, NO_FILTERS } from "./AuditFilterBar";
import { detailText, whoText } from "./auditText";
import { windowOf } from "./usage";

/** Of one workspace; without one, of all that there are. */
export function AuditTab({ workspace }: { workspace?: Workspace }) {
  const { workspaces } = useScope();
  const [filters, setFilters] = useState(NO_FILTERS);
  const settled = useSettled(filters);
  const query: AuditQuery = {
    workspace: workspace?.id ?? null,
    actor: settled.actor.trim() || null,
    object: settled.object.trim() || null,
    action: settled.action,
    outcome: settled.outcome,
    ...windowOf(settled.first, settled.last),
  };
  const list = usePaged(["audit", query], (cursor, signal) => workspaceCalls.audit(query, cursor, signal));
  const nameOf = (id: string | null | undefined) => workspaces.find((item) => item.id === id)?.name ?? id ?? "";
  return (
    <>
      <div className="section-head">
        <h2>Audit log</h2>
        <Button href={csvUrl("audit", query)} icon={<DownloadOutlined aria-hidden />} download>
          CSV
        </Button>
      </div>
      <AuditFilterBar filters={filters} onChange={setFilters} />
      <DataTable
        label="Audit log"
        columns={columns(workspace ? undefined : nameOf)}
        items={list.items}
        error={list.error}
        again={list.again}
        more={list.more}
        keyOf={({ id }) => String(id)}
        empty={<p className="quiet nothing">No line fits all that you chose and typed.</p>}
      />
    </>
  );
}

function columns(workspaceName: ((id: string | null | undefined) => string) | undefined): Column<AuditLine>[] {
  const workspace: Column<AuditLine> = {
    key: "workspace",
    title: "Workspace",
    width: "10em",
    render: ({ workspace_id }) => workspaceName?.(workspace_id),
  };
  return [
    { key: "at", title: "Time", width: "13em", render: ({ at }) => <time dateTime={at}>{formatDateTime(at)}</time> },
    { key: "who", title: "Who", width: "14%", render: (line) => <Who line={line} /> },
    {
      key: "what",
      title: "What",
      render: (line) => (
        <>
          <code title={ACTIONS[line.action as Action]}>{line.action}</code>
          <span className="sub">{detailText(line.detail)}</span>
        </>
      ),
    },
    {
      key: "object",
      title: "Object",
      width: "16%",
      render: ({ object_id, request_id }) => (
        <span className="mono" title={request_id && `Request ${request_id}`}>
          {object_id}
        </span>
      ),
    },
    ...(workspaceName ? [workspace] : []),
    {
      key: "outcome",
      title: "Outcome",
      width: "8em",
      render: ({ outcome, code }) =>
        outcome === "denied" ? (
          <Tag color="red" title={code}>
            Denied
          </Tag>
        ) : (
          <Tag>Done</Tag>
        ),
    },
  ];
}

function Who({ line }: { line: AuditLine }) {
  return (
    <>
      <strong>{whoText(line)}</strong>
      {line.detail["platform_admin"] === true && <span className="sub">as platform administrator</span>}
    </>
  );
}
