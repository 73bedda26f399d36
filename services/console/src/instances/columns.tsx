/** The columns of the list of instances. */
import type { Instance, Snapshot } from "../api/models";
import { Ago } from "../common/Ago";
import type { Column } from "../common/DataTable";
import { formatSpec } from "../common/format";
import { hrefOf } from "../shell/route";
import { activeOf } from "../snapshots/states";
import { RowButtons } from "./RowButtons";
import { StateCell } from "./StateCell";
import { isUp } from "./states";
import type { InstanceActions } from "./useInstanceActions";

interface Context {
  actions: InstanceActions;
  isolated: boolean;
  snapshots: readonly Snapshot[];
  onChange: (instance: Instance) => void;
  onSave: (instance: Instance) => void;
}

export function instanceColumns(context: Context): Column<Instance>[] {
  const { actions, isolated, snapshots, onChange, onSave } = context;
  return [
    {
      key: "name",
      title: "Name",
      width: "20%",
      render: (instance) => (
        <>
          <a className="title" href={hrefOf("instances", instance.id)}>
            {instance.display_name}
          </a>
          <span className="sub mono">{instance.name}</span>
        </>
      ),
    },
    {
      key: "state",
      title: "State",
      render: (instance) => (
        <StateCell
          instance={instance}
          snapshot={activeOf(snapshots, instance.id)}
          onShowSnapshot={() => onSave(instance)}
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
          actions={actions}
          isolated={isolated}
          onChange={() => onChange(instance)}
          onSave={() => onSave(instance)}
        />
      ),
    },
  ];
}

function startedOf({ state, started_at }: Instance) {
  if (!started_at) return <span className="quiet">never</span>;
  return (
    <span className={isUp(state) ? undefined : "quiet"}>
      <Ago at={started_at} />
    </span>
  );
}
