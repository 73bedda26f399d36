/** The columns of the list of instances. */
import { Tag } from "antd";

import type { Instance, Snapshot, Workspace } from "../api/models";
import { Ago } from "../common/Ago";
import type { Column } from "../common/DataTable";
import { formatSpec } from "../common/format";
import { hrefOf } from "../shell/route";
import { activeOf } from "../snapshots/states";
import type { InstanceRights } from "../workspace/rights";
import type { DialogKind } from "./InstanceDialogs";
import { RowButtons } from "./RowButtons";
import { StateCell } from "./StateCell";
import { isUp } from "./states";
import type { InstanceActions } from "./useInstanceActions";

interface Context {
  actions: InstanceActions;
  isolated: boolean;
  snapshots: readonly Snapshot[];
  rights: (instance: Instance) => InstanceRights;
  /** The user, whose own instances need no owner's name. */
  user: string;
  /** The workspace to be named, where several are shown together. */
  workspaceOf: ((instance: Instance) => Workspace | undefined) | undefined;
  onOpen: (dialog: DialogKind, instance: Instance) => void;
}

export function instanceColumns(context: Context): Column<Instance>[] {
  const { actions, isolated, snapshots, rights, onOpen } = context;
  return [
    {
      key: "name",
      title: "Name",
      width: "20%",
      render: (instance) => <Name instance={instance} context={context} />,
    },
    {
      key: "state",
      title: "State",
      render: (instance) => (
        <StateCell
          instance={instance}
          snapshot={activeOf(snapshots, instance.id)}
          onShowSnapshot={() => onOpen("save", instance)}
        />
      ),
    },
    {
      key: "environment",
      title: "Image and size",
      width: "18%",
      render: (instance) => (
        <>
          {isolated && (
            <a className="plain" href={hrefOf("images", instance.image_id)}>
              {instance.image_name}
            </a>
          )}
          <span className={isolated ? "sub" : undefined}>{formatSpec(instance.spec)}</span>
        </>
      ),
    },
    { key: "started", title: "Started", width: "9em", render: startedOf },
    {
      key: "actions",
      title: "Actions",
      hideTitle: true,
      width: "1%",
      render: (instance) => (
        <RowButtons
          instance={instance}
          rights={rights(instance)}
          actions={actions}
          isolated={isolated}
          onOpen={(dialog) => onOpen(dialog, instance)}
        />
      ),
    },
  ];
}

function Name({ instance, context }: { instance: Instance; context: Context }) {
  const { id, name, display_name, owner, access } = instance;
  const workspace = context.workspaceOf?.(instance)?.display_name;
  return (
    <>
      <a className="title" href={hrefOf("instances", id)}>
        {display_name}
      </a>
      <span className="sub mono">{owner === context.user ? name : `${owner}/${name}`}</span>
      {workspace && <span className="sub">{workspace}</span>}
      {access && <Tag color="cyan">{access === "full" ? "shared with you" : "shared with you, view only"}</Tag>}
    </>
  );
}

function startedOf({ state, started_at }: Instance) {
  if (!started_at) return <span className="quiet">never</span>;
  return (
    <span className={isUp(state) ? undefined : "quiet"}>
      <Ago at={started_at} />
    </span>
  );
}
