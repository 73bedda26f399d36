/** Save an instance as an image: shows what that ships, then how far it is. */
import { Button, Modal } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Instance, Snapshot, SnapshotCreate } from "../api/models";
import { useSnapshots } from "../api/queries";
import { useAction } from "../common/useAction";
import { goTo } from "../shell/route";
import { useScope } from "../shell/scope";
import { SaveForm } from "./SaveForm";
import { SnapshotStatus } from "./SnapshotLine";
import { activeOf, hasEnded } from "./states";

export function SaveDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { everybody } = useScope();
  const snapshots = useSnapshots(everybody ? "everybody" : "own").data ?? [];
  const [id, setId] = useState(() => activeOf(snapshots, instance.id)?.id);
  const save = useAction({
    run: (body: SnapshotCreate) => calls.saveInstance(instance.id, body),
    lists: ["snapshots"],
  });
  const snapshot = snapshots.find((item) => item.id === id) ?? (id ? save.data : undefined);
  const title = snapshot ? `Save “${instance.display_name}” as “${snapshot.name}”` : `Save “${instance.display_name}” as an image`;
  return (
    <Modal
      open
      title={title}
      width="min(600px, 100vw - 32px)"
      onCancel={onClose}
      footer={null}
      destroyOnHidden
    >
      {snapshot ? (
        <Saving snapshot={snapshot} onClose={onClose} onAgain={() => setId(undefined)} />
      ) : (
        <SaveForm
          instance={instance}
          error={save.error}
          pending={save.isPending}
          onSave={(body) => save.mutate(body, { onSuccess: (made) => setId(made.id) })}
          onClose={onClose}
        />
      )}
    </Modal>
  );
}

interface SavingProps {
  snapshot: Snapshot;
  onClose: () => void;
  onAgain: () => void;
}

function Saving({ snapshot, onClose, onAgain }: SavingProps) {
  const ended = hasEnded(snapshot);
  const { image_id: image } = snapshot;
  function startFrom(id: string): void {
    onClose();
    goTo("instances", "new", id);
  }
  return (
    <>
      <SnapshotStatus snapshot={snapshot} />
      {!ended && <p className="quiet">You can close this: the saving goes on, and its row shows how far it is.</p>}
      <div className="form-buttons">
        <span className="grow" />
        {ended && snapshot.state !== "Saved" && <Button onClick={onAgain}>Try again</Button>}
        {image && (
          <Button onClick={() => startFrom(image)}>New instance from this image</Button>
        )}
        <Button type={ended ? "primary" : "default"} onClick={onClose}>
          Close
        </Button>
      </div>
    </>
  );
}
