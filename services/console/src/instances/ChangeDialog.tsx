/** Another display name, size, image or place, with the consent that a new container needs. */
import { Alert, Checkbox, Form, Input, Modal, Select } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import { useDatasets, useMounts } from "../api/datasetQueries";
import type { Image, Instance, InstanceChange } from "../api/models";
import { Problem, sentenceOf } from "../api/problem";
import { useImages, useSpecs } from "../api/queries";
import { sameJson } from "../api/unchanged";
import { useGroups } from "../api/workspaceQueries";
import { formatSpec } from "../common/format";
import { useAction } from "../common/useAction";
import { grouped } from "../images/order";
import { useUser } from "../shell/me";
import { useWorkspace } from "../shell/scope";
import { may } from "../workspace/rights";
import {
  changeOf,
  environmentIsFixed,
  mayNeedConsent,
  needsNewContainer,
  wishesOf,
  type Wishes,
} from "./changes";
import { DatasetRows } from "./DatasetRows";
import { mountable, staticMounts, wishesOfMounts, wishesProblem, type DatasetWish } from "./datasetWishes";
import { offerOf } from "./offers";
import { PlaceFields } from "./PlaceFields";
import { canStart } from "./states";

const SAVE_FIRST = "To keep it, save the instance as an image first. Otherwise agree below.";

export function ChangeDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { isolated } = useUser();
  const workspace = useWorkspace(instance.workspace_id);
  const images = useImages(instance.workspace_id).data ?? [];
  const specs = useSpecs().data ?? [];
  const groups = useGroups().data ?? [];
  const [wishes, setWishes] = useState(() => wishesOf(instance));
  const [consent, setConsent] = useState(false);
  const change = useAction({
    run: (body: InstanceChange) => calls.changeInstance(instance.id, body),
    lists: ["instances"],
  });

  const mounts = useMountWishes(instance, isolated && may(workspace, "mount.own"));
  const renews = needsNewContainer(instance);
  const changed = mounts.changed ? { ...changeOf(instance, wishes), datasets: mounts.changed } : changeOf(instance, wishes);
  const body = changed ?? (renews && consent ? {} : undefined);
  const fixed = environmentIsFixed(instance);
  const refusal = change.error instanceof Problem ? change.error : undefined;
  const refused = refusal?.status === 409 && mayNeedConsent(change.variables);
  const asksConsent = renews || refused;
  const done = !body || Boolean(mounts.problem) || (asksConsent && !consent);

  function wish(more: Partial<Wishes>): void {
    change.reset();
    setConsent(false);
    setWishes({ ...wishes, ...more });
  }

  function submit(): void {
    if (body && !done) change.mutate({ ...body, discard_changes: consent }, { onSuccess: onClose });
  }

  return (
    <Modal
      open
      title={`Change “${instance.display_name}”`}
      width="min(640px, 100vw - 32px)"
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
            value={wishes.displayName}
            onChange={(event) => wish({ displayName: event.target.value })}
          />
        </Form.Item>
        {fixed && (
          <Alert
            className="spaced"
            type="info"
            showIcon
            title="Everything else can be changed while the instance is stopped."
          />
        )}
        <Form.Item label="Size" htmlFor="change-spec">
          <Select
            id="change-spec"
            disabled={fixed}
            value={wishes.spec}
            onChange={(spec: string) => wish({ spec, group: groupFor(spec) })}
            options={specs.map((item) => ({
              value: item.name,
              label: `${item.name}: ${formatSpec(item)}`,
              disabled: Boolean(offerOf(item, workspace, groups, undefined).problem),
            }))}
          />
        </Form.Item>
        {isolated && (
          <Form.Item label="Image" htmlFor="change-image">
            <Select
              id="change-image"
              disabled={fixed}
              value={wishes.image}
              onChange={(image: string) => wish({ image })}
              options={imageOptions(images, instance)}
            />
          </Form.Item>
        )}
        <PlaceFields
          workspace={workspace}
          spec={wishes.spec}
          place={wishes}
          onChange={wish}
          disabled={fixed}
          fixedGroup
        />
        {mounts.wishes && (mounts.datasets.length > 0 || mounts.wishes.length > 0) && (
          <Form.Item label="Datasets">
            <DatasetRows
              datasets={mounts.datasets}
              wishes={mounts.wishes}
              onChange={mounts.set}
              disabled={fixed}
            />
          </Form.Item>
        )}
        {isolated && (
          <Checkbox checked={wishes.saveOnStop} onChange={(event) => wish({ saveOnStop: event.target.checked })}>
            Save it as an image at each stop
          </Checkbox>
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

  /** The group it is in, if that offers the size, or else the first that does. */
  function groupFor(spec: string): string {
    const offering = groups.filter((group) => group.specs.includes(spec)).map(({ name }) => name);
    return offering.includes(wishes.group) ? wishes.group : (offering[0] ?? wishes.group);
  }
}

/** The datasets of its start as they are, until the user changes them. */
function useMountWishes(instance: Instance, enabled: boolean) {
  const datasets = useDatasets(instance.workspace_id, enabled).data;
  const mounts = useMounts(instance.id, enabled).data;
  const [chosen, set] = useState<DatasetWish[]>();
  const now = datasets && mounts && wishesOfMounts(mounts, datasets);
  const wishes = chosen ?? now;
  return {
    datasets: mountable(datasets ?? []),
    wishes,
    set,
    changed: chosen && !sameJson(chosen, now) ? staticMounts(chosen) : undefined,
    problem: wishes && wishesProblem(wishes, datasets ?? []),
  };
}

function imageOptions(images: readonly Image[], instance: Instance) {
  const groups = grouped(images).map((group) => ({
    label: group.title,
    options: group.images.map((image) => ({ value: image.id, label: image.name, disabled: !canStart(image) })),
  }));
  if (images.some(({ id }) => id === instance.image_id)) return groups;
  // An image that was rebuilt or deleted is no longer offered, but this instance still has it.
  const current = { value: instance.image_id, label: instance.image_name, disabled: false };
  return [{ label: "Now", options: [current] }, ...groups];
}
