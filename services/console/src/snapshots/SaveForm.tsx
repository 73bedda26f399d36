/** What is asked before an instance is saved: the image's name, and how it is to be saved. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Button, Checkbox, Form, Select } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Instance, SnapshotCreate } from "../api/models";
import { sentenceOf } from "../api/problem";
import { Field, TextField } from "../common/Field";
import { Folds } from "../common/Folds";
import { useSettled } from "../common/useSettled";
import { ForecastPanel } from "./ForecastPanel";

interface Props {
  instance: Instance;
  error: Error | null;
  pending: boolean;
  onSave: (body: SnapshotCreate) => void;
  onClose: () => void;
}

const nameFor = (instance: Instance): string =>
  `${instance.display_name} ${new Date().toISOString().slice(0, 10)}`.slice(-100);

export function SaveForm({ instance, error, pending, onSave, onClose }: Props) {
  const [body, setBody] = useState<SnapshotCreate>(() => ({
    name: nameFor(instance),
    description: "",
    mode: "consistent",
    exclude: [],
    full: false,
    tag: "",
  }));
  const set = (more: Partial<SnapshotCreate>) => setBody({ ...body, ...more });
  const asked = useSettled(body.exclude);
  const forecast = useQuery({
    queryKey: ["forecast", instance.id, asked],
    queryFn: ({ signal }) => calls.forecast(instance.id, { exclude: asked ?? [], full: false }, signal),
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: keepPreviousData,
  });
  const name = body.name.trim();
  const blocked = !name || Boolean(forecast.data?.refused?.length);
  const submit = () =>
    !blocked && onSave({ ...body, name, description: body.description.trim(), tag: body.tag?.trim() || null });
  return (
    <Form layout="vertical" onFinish={submit} requiredMark={false}>
      <p>
        What was installed or changed in the container becomes a new image, and the instance keeps
        running. Files in <code>/mnt/workspace</code>, other mounted data, secrets and SSH keys are
        left out.
      </p>
      <TextField label="Image name" value={body.name} maxLength={100} autoFocus onChange={(text) => set({ name: text })} />
      <TextField
        label="Description (optional)"
        rows={2}
        maxLength={2000}
        placeholder="What is in it, and what it is for"
        value={body.description}
        onChange={(description) => set({ description })}
      />
      <ForecastPanel forecast={forecast.data} error={forecast.error} />
      <Folds folds={[{ title: "More", body: <More body={body} onChange={set} /> }]} />
      {error && <Alert className="spaced" type="error" showIcon role="alert" title={sentenceOf(error)} />}
      <div className="form-buttons spaced">
        <span className="grow" />
        <Button onClick={onClose}>Cancel</Button>
        <Button type="primary" htmlType="submit" loading={pending} disabled={blocked}>
          Save image
        </Button>
      </div>
    </Form>
  );
}

interface MoreProps {
  body: SnapshotCreate;
  onChange: (more: Partial<SnapshotCreate>) => void;
}

function More({ body, onChange }: MoreProps) {
  return (
    <>
      <Field label="Leave out" help="Patterns of paths, such as *.ckpt or /opt/data.">
        {(id) => (
          <Select
            id={id}
            mode="tags"
            open={false}
            suffixIcon={null}
            tokenSeparators={[" "]}
            placeholder="Nothing more"
            value={body.exclude ?? []}
            onChange={(exclude: string[]) => onChange({ exclude })}
          />
        )}
      </Field>
      <TextField
        label="Tag (optional)"
        mono
        maxLength={128}
        placeholder="latest"
        help="A name in the workspace that moves here from the image that has it."
        value={body.tag ?? ""}
        onChange={(tag) => onChange({ tag })}
      />
      <Checkbox
        checked={body.mode === "live"}
        onChange={(event) => onChange({ mode: event.target.checked ? "live" : "consistent" })}
      >
        Never pause the instance
        <span className="sub">Files that change meanwhile may then not fit each other.</span>
      </Checkbox>
    </>
  );
}
