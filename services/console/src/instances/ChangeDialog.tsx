/** Another display name, size or image, with the consent that a new container needs. */
import { Alert, Checkbox, Form, Input, Modal, Select } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Instance, InstanceChange } from "../api/models";
import { Problem, sentenceOf } from "../api/problem";
import { useImages, useSpecs } from "../api/queries";
import { formatSpec } from "../common/format";
import { useAction } from "../common/useAction";
import { grouped } from "../images/lineage";
import { useUser } from "../shell/me";
import { changeOf, environmentIsFixed, mayNeedConsent, needsNewContainer } from "./changes";

const SAVE_FIRST = "To keep it, save the instance as an image first. Otherwise agree below.";

export function ChangeDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { isolated } = useUser();
  const images = useImages().data ?? [];
  const specs = useSpecs().data ?? [];
  const [displayName, setDisplayName] = useState(instance.display_name);
  const [image, setImage] = useState(instance.image_id);
  const [spec, setSpec] = useState(instance.spec.name);
  const [consent, setConsent] = useState(false);
  const change = useAction({
    run: (body: InstanceChange) => calls.changeInstance(instance.id, body),
    list: "instances",
  });

  const renews = needsNewContainer(instance);
  const body = changeOf(instance, { displayName, image, spec }) ?? (renews && consent ? {} : undefined);
  const fixed = environmentIsFixed(instance);
  const refusal = change.error instanceof Problem ? change.error : undefined;
  const refused = refusal?.status === 409 && mayNeedConsent(change.variables);
  const asksConsent = renews || refused;
  const done = !body || (asksConsent && !consent);

  function edited<T>(set: (value: T) => void): (value: T) => void {
    return (value) => {
      change.reset();
      setConsent(false);
      set(value);
    };
  }

  function submit(): void {
    if (body && !done) change.mutate({ ...body, discard_changes: consent }, { onSuccess: onClose });
  }

  const offered = images.filter((item) => !item.workspace_id || item.workspace_id === instance.workspace_id);
  return (
    <Modal
      open
      title={`Change “${instance.display_name}”`}
      okText={asksConsent ? "Change and discard" : "Change"}
      okButtonProps={{ disabled: done, danger: asksConsent }}
      confirmLoading={change.isPending}
      onOk={submit}
      onCancel={onClose}
    >
      <Form layout="vertical" onFinish={submit}>
        <Form.Item label="Display name" htmlFor="change-display-name">
          <Input
            id="change-display-name"
            maxLength={100}
            value={displayName}
            onChange={(event) => edited(setDisplayName)(event.target.value)}
          />
        </Form.Item>
        {fixed && (
          <Alert
            className="spaced"
            type="info"
            showIcon
            title="Image and size can be changed while the instance is stopped."
          />
        )}
        <Form.Item label="Size" htmlFor="change-spec">
          <Select
            id="change-spec"
            disabled={fixed}
            value={spec}
            onChange={edited(setSpec)}
            options={specs.map((item) => ({ value: item.name, label: `${item.name}: ${formatSpec(item)}` }))}
          />
        </Form.Item>
        {isolated && (
          <Form.Item label="Image" htmlFor="change-image">
            <Select
              id="change-image"
              disabled={fixed}
              value={image}
              onChange={edited(setImage)}
              options={imageOptions(offered, instance)}
            />
          </Form.Item>
        )}
      </Form>
      {change.error && (
        <Alert
          type={refused ? "warning" : "error"}
          showIcon
          role="alert"
          title={refused ? refusal.statement : sentenceOf(change.error)}
          {...(refused ? { description: SAVE_FIRST } : {})}
        />
      )}
      {renews && !change.error && (
        <Alert
          type="warning"
          showIcon
          title="It cannot start in its old container any more."
          description={SAVE_FIRST}
        />
      )}
      {asksConsent && (
        <Checkbox className="spaced" checked={consent} onChange={(event) => setConsent(event.target.checked)}>
          Discard what was installed in the container
        </Checkbox>
      )}
    </Modal>
  );
}

function imageOptions(images: Parameters<typeof grouped>[0], instance: Instance) {
  const groups = grouped(images).map((group) => ({
    label: group.title,
    options: group.images.map(({ id, name, available }) => ({ value: id, label: name, disabled: !available })),
  }));
  if (images.some(({ id }) => id === instance.image_id)) return groups;
  // An image that was rebuilt or deleted is no longer offered, but this instance still has it.
  const current = { value: instance.image_id, label: instance.image_name, disabled: false };
  return [{ label: "Now", options: [current] }, ...groups];
}
