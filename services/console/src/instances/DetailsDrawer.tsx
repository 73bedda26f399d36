/** All about one instance: facts, progress, saved images and history. */
import { Button, Drawer, Skeleton } from "antd";

import type { Instance } from "../api/models";
import { useOneInstance, useSnapshots } from "../api/queries";
import { Empty } from "../common/Empty";
import { StateMark } from "../common/StateMark";
import { newestFirst } from "../images/order";
import { useUser } from "../shell/me";
import { useScope } from "../shell/scope";
import { SnapshotLine } from "../snapshots/SnapshotLine";
import type { InstanceRights } from "../workspace/rights";
import { EndpointsSection } from "./EndpointsSection";
import { Facts } from "./Facts";
import { History } from "./History";
import type { DialogKind } from "./InstanceDialogs";
import { MountsSection } from "./MountsSection";
import { RowButtons } from "./RowButtons";
import { StartProgress } from "./StateCell";
import { wordsOf } from "./states";
import { useInstanceActions } from "./useInstanceActions";

interface Props {
  id: string;
  /** The instance when the list has it; one of others is read by its id. */
  listed: Instance | undefined;
  rights: (instance: Instance) => InstanceRights;
  onOpen: (dialog: DialogKind, instance: Instance) => void;
  onClose: () => void;
}

export function DetailsDrawer(props: Props) {
  const { id, listed, onClose } = props;
  const other = useOneInstance(id, !listed);
  const instance = listed ?? other.data;
  return (
    <Drawer open size="min(640px, 100vw)" title={instance?.display_name ?? "Instance"} onClose={onClose}>
      {instance ? (
        <Details {...props} instance={instance} />
      ) : other.error ? (
        <Empty title="There is no such instance" text="It was deleted, or it belongs to somebody else.">
          <Button onClick={onClose}>Show my instances</Button>
        </Empty>
      ) : (
        <Skeleton active paragraph={{ rows: 8 }} />
      )}
    </Drawer>
  );
}

type DetailsProps = Pick<Props, "rights" | "onOpen" | "onClose"> & { instance: Instance };

function Details({ instance, rights, onOpen, onClose }: DetailsProps) {
  const { isolated } = useUser();
  const { everybody } = useScope();
  const actions = useInstanceActions(onClose);
  const snapshots = useSnapshots(everybody ? "everybody" : "own").data ?? [];
  const saved = snapshots.filter((item) => item.instance_id === instance.id).sort(newestFirst);
  const { label, text, tone } = wordsOf(instance);
  const allowed = rights(instance);
  return (
    <div className="details">
      <div className="details-state" aria-live="polite">
        <StateMark label={label} tone={tone} />
        {text && <p>{text}</p>}
        <StartProgress instance={instance} />
      </div>
      <RowButtons
        instance={instance}
        rights={allowed}
        actions={actions}
        isolated={isolated}
        wide
        onOpen={(dialog) => onOpen(dialog, instance)}
      />
      {allowed.terminal && <EndpointsSection instance={instance} />}
      {isolated && allowed.history && <MountsSection instance={instance} changes={allowed.mount} />}
      <Facts instance={instance} />
      {saved.length > 0 && (
        <section>
          <h3>Saved as images</h3>
          {saved.map((snapshot) => (
            <SnapshotLine key={snapshot.id} snapshot={snapshot} />
          ))}
        </section>
      )}
      {allowed.history && <History id={instance.id} />}
    </div>
  );
}
