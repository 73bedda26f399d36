/** Save an instance as an image: asks for a name, then shows how far it is. */
import { Alert, Button, Form, Input, Modal } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Instance, Snapshot } from "../api/models";
import { sentenceOf } from "../api/problem";
import { useSnapshots } from "../api/queries";
import { useAction } from "../common/useAction";
import { goTo } from "../shell/route";
import { useScope } from "../shell/scope";
import { SnapshotStatus } from "./SnapshotLine";
import { activeOf, hasEnded } from "./states";

export function SaveDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { everybody } = useScope();
  const snapshots = useSnapshots(everybody ? "everybody" : "own").data ?? [];
  const [id, setId] = useState(() => activeOf(snapshots, instance.id)?.id);
  const save = useAction({
    run: (body: { name: string; description: string }) => calls.saveInstance(instance.id, body),
    lists: ["snapshots"],
  });
  const snapshot = snapshots.find((item) => item.id === id) ?? (id ? save.data : undefined);
  const title = snapshot ? `Save “${instance.display_name}” as “${snapshot.name}”` : `Save “${instance.display_name}” as an image`;
  return (
    <Modal open title={title} onCancel={onClose} footer={null} destroyOnHidden>
      {snapshot ? (
        <Saving snapshot={snapshot} onClose={onClose} onAgain={() => setId(undefined)} />
      ) : (
        <SaveForm
          suggestion={`${instance.display_name} ${new Date().toISOString().slice(0, 10)}`.slice(-100)}
          error={save.error}
          pending={save.isPending}
          onSave={(body) => save.mutate(body, { onSuccess: (made) => setId(made.id) })}
          onClose={onClose}
        />
      )}
    </Modal>
  );
}

interface FormProps {
  suggestion: string;
  error: Error | null;
  pending: boolean;
  onSave: (body: { name: string; description: string }) => void;
  onClose: () => void;
}

function SaveForm({ suggestion, error, pending, onSave, onClose }: FormProps) {
  const [name, setName] = useState(suggestion);
  const [description, setDescription] = useState("");
  const submit = () => name.trim() && onSave({ name: name.trim(), description: description.trim() });
  return (
    <Form layout="vertical" onFinish={submit}>
      <p>
        What was installed or changed in the container becomes a new image, and the instance keeps
        running. Files in <code>/mnt/workspace</code>, other mounted data, secrets and SSH keys are
        left out.
      </p>
      <Form.Item label="Image name" htmlFor="image-name">
        <Input
          id="image-name"
          autoFocus
          autoComplete="off"
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Form.Item>
      <Form.Item label="Description (optional)" htmlFor="image-description">
        <Input.TextArea
          id="image-description"
          rows={2}
          maxLength={2000}
          placeholder="What is in it, and what it is for"
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
      </Form.Item>
      {error && <Alert className="spaced" type="error" showIcon role="alert" title={sentenceOf(error)} />}
      <div className="form-buttons">
        <span className="grow" />
        <Button onClick={onClose}>Cancel</Button>
        <Button type="primary" htmlType="submit" loading={pending} disabled={!name.trim()}>
          Save image
        </Button>
      </div>
    </Form>
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
