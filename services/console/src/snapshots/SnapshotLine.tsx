/** One snapshot in a line or two: its state, how far it is, what became of it, and the way out. */
import { Button, Progress } from "antd";

import { calls } from "../api/calls";
import type { Snapshot } from "../api/models";
import { Ago } from "../common/Ago";
import { StateMark } from "../common/StateMark";
import { useAction } from "../common/useAction";
import { useUser } from "../shell/me";
import { hrefOf } from "../shell/route";
import { useWorkspace } from "../shell/scope";
import { may } from "../workspace/rights";
import { hasEnded, progressOf, snapshotLook } from "./states";

export function SnapshotLine({ snapshot }: { snapshot: Snapshot }) {
  return (
    <div className="snapshot-line">
      <div className="snapshot-head">
        <strong>{snapshot.name}</strong>
        <span className="quiet">
          <Ago at={snapshot.created_at} />
        </span>
      </div>
      <SnapshotStatus snapshot={snapshot} />
    </div>
  );
}

export function SnapshotStatus({ snapshot }: { snapshot: Snapshot }) {
  const look = snapshotLook(snapshot.state);
  const { percent, text } = progressOf(snapshot);
  const ended = hasEnded(snapshot);
  const own = snapshot.owner === useUser().name;
  const mayCancel = may(useWorkspace(snapshot.workspace_id), own ? "snapshot.own" : "instance.manage.all");
  return (
    <div className="snapshot-status" aria-live="polite" data-testid="snapshot-status" data-state={snapshot.state}>
      <span className="snapshot-head">
        <StateMark label={look.label} tone={look.tone} />
        {text && <span className="quiet">{text}</span>}
        {snapshot.state === "Saved" && snapshot.image_id && (
          <a href={hrefOf("images", snapshot.image_id)}>Show the image</a>
        )}
      </span>
      {!ended && (
        <Progress percent={percent ?? 0} status="active" size="small" aria-label={`Saving of ${snapshot.name}`} />
      )}
      {snapshot.message && <p>{snapshot.message}</p>}
      {!ended && mayCancel && <CancelButton snapshot={snapshot} />}
    </div>
  );
}

function CancelButton({ snapshot }: { snapshot: Snapshot }) {
  const cancel = useAction({
    run: (item: Snapshot) => calls.cancelSnapshot(item.id),
    lists: ["snapshots"],
    refused: (item) => `The saving of “${item.name}” was not cancelled`,
  });
  return (
    <Button size="small" loading={cancel.isPending} onClick={() => cancel.mutate(snapshot)}>
      Cancel saving
    </Button>
  );
}
