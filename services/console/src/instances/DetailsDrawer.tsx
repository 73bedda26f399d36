/** All about one instance: facts, progress, saved images and history. */
import { Button, Descriptions, Drawer, Skeleton, Typography } from "antd";

import type { Instance } from "../api/models";
import { useSnapshots, useWorkspaces } from "../api/queries";
import { Empty } from "../common/Empty";
import { formatBytes, formatDateTime, formatGpu } from "../common/format";
import { StateMark } from "../common/StateMark";
import { newestFirst } from "../images/lineage";
import { hrefOf } from "../shell/route";
import { SnapshotLine } from "../snapshots/SnapshotLine";
import { History } from "./History";
import { RowButtons } from "./RowButtons";
import { StartProgress } from "./StateCell";
import { lookOf } from "./states";
import { useInstanceActions } from "./useInstanceActions";

interface Props {
  id: string;
  instance: Instance | undefined;
  /** Whether the list is here, so that a missing instance is one that does not exist. */
  isKnown: boolean;
  isolated: boolean;
  onChange: (instance: Instance) => void;
  onSave: (instance: Instance) => void;
  onClose: () => void;
}

export function DetailsDrawer(props: Props) {
  const { instance, isKnown, onClose } = props;
  return (
    <Drawer open size="min(640px, 100vw)" title={instance?.display_name ?? "Instance"} onClose={onClose}>
      {instance ? (
        <Details {...props} instance={instance} />
      ) : isKnown ? (
        <Empty title="There is no such instance" text="It was deleted, or it belongs to somebody else.">
          <Button onClick={onClose}>Show my instances</Button>
        </Empty>
      ) : (
        <Skeleton active paragraph={{ rows: 8 }} />
      )}
    </Drawer>
  );
}

function Details(props: Props & { instance: Instance }) {
  const { instance, isolated, onChange, onSave, onClose } = props;
  const actions = useInstanceActions(onClose);
  const snapshots = useSnapshots().data?.filter((item) => item.instance_id === instance.id) ?? [];
  const look = lookOf(instance.state);
  return (
    <div className="details">
      <div className="details-state" aria-live="polite">
        <StateMark label={look.label} tone={look.tone} />
        {instance.message && <p>{instance.message}</p>}
        <StartProgress instance={instance} />
      </div>
      <RowButtons
        instance={instance}
        actions={actions}
        isolated={isolated}
        wide
        onChange={() => onChange(instance)}
        onSave={() => onSave(instance)}
      />
      <Facts instance={instance} isolated={isolated} />
      {snapshots.length > 0 && (
        <section>
          <h3>Saved as images</h3>
          {[...snapshots].sort(newestFirst).map((snapshot) => (
            <SnapshotLine key={snapshot.id} snapshot={snapshot} />
          ))}
        </section>
      )}
      <History id={instance.id} />
    </div>
  );
}

function Facts({ instance, isolated }: { instance: Instance; isolated: boolean }) {
  const workspaces = useWorkspaces().data ?? [];
  const workspace = workspaces.find((item) => item.id === instance.workspace_id);
  const { spec, started_at: started, stopped_at: stopped } = instance;
  const gpu = spec.gpu ? `, ${formatGpu(spec)}` : "";
  const items = [
    fact("Name", <span className="mono">{instance.name}</span>),
    fact("Workspace", workspace?.display_name ?? instance.workspace_id),
    isolated && fact("Image", <a href={hrefOf("images", instance.image_id)}>{instance.image_name}</a>),
    fact(
      "Size",
      `${spec.name}: ${spec.cpu} CPU, ${formatBytes(spec.memory)} memory, ${formatBytes(spec.shared_memory)} shared memory${gpu}`,
    ),
    fact("Created", formatDateTime(instance.created_at)),
    started && fact("Started", formatDateTime(started)),
    stopped && fact("Stopped", formatDateTime(stopped)),
    fact("Id", <Typography.Text copyable className="mono">{instance.id}</Typography.Text>),
  ].filter((item) => typeof item === "object" && item !== null);
  return <Descriptions column={1} size="small" bordered items={items} />;
}

const fact = (label: string, children: React.ReactNode) => ({ key: label, label, children });
