/** The columns of the queue, and what who manages it can do with an entry. */
import { DownOutlined } from "@ant-design/icons";
import { Button, Dropdown, Select, type MenuProps } from "antd";

import type { QueueEntry, Workspace } from "../api/models";
import { Ago } from "../common/Ago";
import type { Column } from "../common/DataTable";
import { highestPriority, PRIORITIES } from "../instances/offers";
import { hrefOf } from "../shell/route";
import { may } from "../workspace/rights";
import { movesOf, type Moves } from "./moves";
import { estimateText } from "./queueText";
import type { QueueActions } from "./useQueueActions";

interface Context {
  entries: readonly QueueEntry[];
  workspaces: readonly Workspace[];
  actions: QueueActions;
  showWorkspace: boolean;
  showGroup: boolean;
}

export function queueColumns({ entries, workspaces, actions, showWorkspace, showGroup }: Context): Column<QueueEntry>[] {
  const workspaceOf = ({ workspace_id: id }: QueueEntry) => workspaces.find((item) => item.id === id);
  return [
    { key: "place", title: "Place", width: "5em", render: ({ place }) => <strong>{place}</strong> },
    {
      key: "name",
      title: "Instance",
      width: "22%",
      render: (entry) => (
        <>
          <a className="title" href={hrefOf("instances", entry.instance_id)}>
            {entry.display_name}
          </a>
          <span className="sub">
            {entry.owner}
            {showWorkspace && ` · ${workspaceOf(entry)?.display_name ?? entry.workspace_id}`}
          </span>
        </>
      ),
    },
    {
      key: "waits",
      title: "Waits for",
      render: ({ waiting_for, ahead, resource_group, spec }) => (
        <>
          {waiting_for}
          <span className="sub">
            {[ahead > 0 && `${ahead} ahead for the same`, `size ${spec}`, showGroup && resource_group]
              .filter(Boolean)
              .join(" · ")}
          </span>
        </>
      ),
    },
    {
      key: "estimate",
      title: "Estimate",
      width: "10em",
      render: ({ estimate_seconds }) => estimateText(estimate_seconds) || <span className="quiet">not known</span>,
    },
    { key: "since", title: "Since", width: "9em", render: ({ queued_at }) => <Ago at={queued_at} /> },
    {
      key: "priority",
      title: "Priority",
      width: "7em",
      render: (entry) => (
        <Priority entry={entry} workspace={workspaceOf(entry)} actions={actions} />
      ),
    },
    {
      key: "actions",
      title: "Actions",
      hideTitle: true,
      width: "1%",
      render: (entry) =>
        may(workspaceOf(entry), "queue.manage") && (
          <ManageButton entry={entry} moves={movesOf(entry, entries)} actions={actions} />
        ),
    },
  ];
}

interface PriorityProps {
  entry: QueueEntry;
  workspace: Workspace | undefined;
  actions: QueueActions;
}

function Priority({ entry, workspace, actions }: PriorityProps) {
  if (!workspace || !may(workspace, "queue.manage")) return <>{entry.priority}</>;
  const highest = highestPriority(workspace);
  return (
    <Select
      size="small"
      aria-label={`Priority of ${entry.display_name}`}
      value={entry.priority}
      onChange={(priority) => actions.move(entry, { priority, last: false })}
      options={PRIORITIES.map((value) => ({
        value,
        label: String(value),
        disabled: value > highest,
      }))}
    />
  );
}

const MOVES: [keyof Moves, string][] = [
  ["front", "To the front"],
  ["up", "One place up"],
  ["down", "One place down"],
  ["end", "To the end"],
];

interface ManageProps {
  entry: QueueEntry;
  moves: Moves;
  actions: QueueActions;
}

function ManageButton({ entry, moves, actions }: ManageProps) {
  const items: MenuProps["items"] = [
    ...MOVES.map(([key, label]) => ({ key, label, disabled: !moves[key] })),
    { type: "divider" },
    { key: "out", label: "Take out…", danger: true },
  ];
  function chosen(key: string): void {
    if (key === "out") actions.takeOut(entry);
    const move = moves[key as keyof Moves];
    if (move) actions.move(entry, move);
  }
  return (
    <Dropdown menu={{ items, onClick: ({ key }) => chosen(key) }} trigger={["click"]} placement="bottomRight" destroyOnHidden>
      <Button loading={actions.busy === entry.instance_id} icon={<DownOutlined aria-hidden />} iconPlacement="end">
        Manage
      </Button>
    </Dropdown>
  );
}
