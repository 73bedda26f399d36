/** An instance's state, the sentence that explains it, and how far a start or a saving is. */
import { Button, Progress } from "antd";

import type { Instance, Snapshot } from "../api/models";
import { StateMark } from "../common/StateMark";
import { progressOf, snapshotLook } from "../snapshots/states";
import { isStarting, startPercent, wordsOf } from "./states";

interface Props {
  instance: Instance;
  snapshot: Snapshot | undefined;
  onShowSnapshot: () => void;
}

export function StateCell({ instance, snapshot, onShowSnapshot }: Props) {
  const { label, text, tone } = wordsOf(instance);
  return (
    <div className="state-cell">
      <StateMark label={label} tone={tone} />
      {text && <p title={text}>{text}</p>}
      <StartProgress instance={instance} />
      {snapshot && <SavingLine snapshot={snapshot} onShow={onShowSnapshot} />}
    </div>
  );
}

/** The bar of a start; one that waits in the queue has not begun. */
export function StartProgress({ instance }: { instance: Instance }) {
  if (!isStarting(instance.state) || instance.state === "Queuing") return null;
  return (
    <Progress
      percent={startPercent(instance)}
      status="active"
      size="small"
      aria-label={`Start of ${instance.display_name}`}
    />
  );
}

function SavingLine({ snapshot, onShow }: { snapshot: Snapshot; onShow: () => void }) {
  const { percent } = progressOf(snapshot);
  const label = snapshotLook(snapshot.state).label;
  return (
    <Button type="link" size="small" className="flush" onClick={onShow}>
      {`Saving “${snapshot.name}”: ${label}${percent === undefined ? "" : `, ${percent} %`}`}
    </Button>
  );
}
