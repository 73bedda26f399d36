/** Change what a workspace allows beyond its quotas. */
import { Checkbox, InputNumber, Select } from "antd";
import { useState } from "react";

import type { Image, Policy, Workspace } from "../api/models";
import { useSpecs } from "../api/queries";
import { changeUnlessChanged, sameJson } from "../api/unchanged";
import { workspaceCalls } from "../api/workspaceCalls";
import { useRoles } from "../api/workspaceQueries";
import { ChoiceField, Field } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { SOURCES } from "../images/order";
import { may } from "./rights";
import { RoleRules } from "./RoleRules";
import { SavingRules } from "./SavingRules";

interface Props {
  workspace: Workspace;
  images: readonly Image[];
  onClose: () => void;
}

export function PolicyDialog({ workspace, images, onClose }: Props) {
  // The policy as the user saw it: a change of somebody else's must not be undone unseen.
  const [seen] = useState(workspace.policy);
  const [policy, setPolicy] = useState(workspace.policy);
  const specs = useSpecs().data ?? [];
  const roles = useRoles(workspace.id, may(workspace, "member.read")).data ?? [];
  const change = useAction({
    run: (body: Policy) =>
      changeUnlessChanged({
        read: () => workspaceCalls.readWorkspace(workspace.id),
        isSame: (now) => sameJson(now.policy, seen),
        write: (tag) => workspaceCalls.changeWorkspace(workspace.id, { policy: body }, tag),
      }),
    lists: ["workspaces", "images"],
  });
  const set = (more: Partial<Policy>) => setPolicy({ ...policy, ...more });
  const idle = policy.idle ?? { minutes: 0, cpu_percent: 5, gpu_percent: 5 };
  const saving = policy.snapshots ?? { exclude: [], secrets: "warn", keep_last: 5 };
  return (
    <FormDialog
      title={`Policy of “${workspace.display_name}”`}
      okText="Change the policy"
      onSubmit={() => change.mutate(policy, { onSuccess: onClose })}
      onClose={onClose}
      pending={change.isPending}
      error={change.error}
      width={720}
    >
      <Field label="Images that instances may start from" help="Kinds of images or single ones; none chosen: all.">
        {(id) => (
          <Select
            id={id}
            mode="multiple"
            placeholder="All images"
            value={policy.images ?? []}
            onChange={(chosen: string[]) => set({ images: chosen })}
            showSearch={{ optionFilterProp: "label" }}
            options={[
              ...SOURCES.map(({ source }) => ({ value: source, label: `all ${source} images` })),
              ...images
                .filter((image) => !image.workspace_id || image.workspace_id === workspace.id)
                .map((image) => ({ value: image.id, label: image.name })),
            ]}
          />
        )}
      </Field>
      <RoleRules policy={policy} roles={roles} specs={specs} onChange={set} />
      <div className="field-row">
        <Minutes
          label="Longest run (min)"
          help="0: no limit"
          value={policy.max_run_minutes}
          onChange={(minutes) => set({ max_run_minutes: minutes })}
        />
        <Minutes
          label="Idle after (min)"
          help="0: never"
          value={idle.minutes}
          onChange={(minutes) => set({ idle: { ...idle, minutes } })}
        />
        <Percent
          label="CPU below %"
          value={idle.cpu_percent}
          onChange={(cpu_percent) => set({ idle: { ...idle, cpu_percent } })}
        />
        <Percent
          label="GPU below %"
          value={idle.gpu_percent}
          onChange={(gpu_percent) => set({ idle: { ...idle, gpu_percent } })}
        />
      </div>
      <SavingRules value={saving} onChange={(snapshots) => set({ snapshots })} />
      <ChoiceField
        label="At a start, a dataset that cannot be reached"
        value={policy.data?.unreachable ?? "fail"}
        onChange={(unreachable) => set({ data: { unreachable } })}
        options={[
          { value: "fail", label: "ends it" },
          { value: "degraded", label: "comes later" },
        ]}
      />
      <ChoiceField
        label="When a member leaves, their instances are"
        value={policy.on_removal}
        onChange={(on_removal) => set({ on_removal })}
        options={[
          { value: "stop", label: "stopped" },
          { value: "delete", label: "deleted" },
        ]}
      />
      <Checkbox checked={policy.sudo} onChange={(event) => set({ sudo: event.target.checked })}>
        <code>sudo</code> works in instances
      </Checkbox>
    </FormDialog>
  );
}

interface NumberProps {
  label: string;
  help?: string;
  value: number;
  onChange: (value: number) => void;
}

function Minutes({ label, help, value, onChange }: NumberProps) {
  return (
    <Field label={label} help={help}>
      {(id) => (
        <InputNumber id={id} min={0} max={100_000} precision={0} value={value} onChange={(next) => onChange(next ?? 0)} />
      )}
    </Field>
  );
}

function Percent({ label, value, onChange }: NumberProps) {
  return (
    <Field label={label}>
      {(id) => <InputNumber id={id} min={0} max={100} value={value} onChange={(next) => onChange(next ?? 0)} />}
    </Field>
  );
}
