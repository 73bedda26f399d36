/** Mount a dataset in an instance while it runs. */
import { Checkbox } from "antd";
import { useState } from "react";

import { useDatasets } from "../api/datasetQueries";
import type { Instance, MountCreate } from "../api/models";
import { mountCalls } from "../api/mountCalls";
import { ChoiceField, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { mountable } from "./datasetWishes";

export function AddMountDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const datasets = mountable(useDatasets(instance.workspace_id).data ?? []);
  const [dataset, setDataset] = useState<string>();
  const [version, setVersion] = useState(0);
  const [name, setName] = useState("");
  const [writes, setWrites] = useState(false);
  const [keep, setKeep] = useState(false);
  const keyOf = useOnceKey();
  const add = useAction({
    run: (body: MountCreate) => mountCalls.mount(instance.id, body, keyOf(body)),
    lists: ["mounts"],
  });
  const chosen = datasets.find(({ id }) => id === dataset);

  function submit(): void {
    if (!chosen) return;
    const body: MountCreate = {
      dataset: chosen.id,
      version: version || null,
      name: name.trim() || null,
      access: writes && chosen.writable ? "rw" : "ro",
      keep,
    };
    add.mutate(body, { onSuccess: onClose });
  }

  return (
    <FormDialog
      title={`Mount a dataset in “${instance.display_name}”`}
      okText="Mount"
      onSubmit={submit}
      onClose={onClose}
      pending={add.isPending}
      error={add.error}
      disabled={!chosen}
    >
      <ChoiceField
        label="Dataset"
        value={dataset}
        placeholder={datasets.length ? "Choose one" : "There is none in this workspace"}
        onChange={(value) => {
          setDataset(value);
          setVersion(0);
        }}
        options={datasets.map((item) => ({ value: item.id, label: item.name }))}
      />
      <div className="field-row">
        <ChoiceField
          label="Version"
          value={version}
          onChange={setVersion}
          options={[
            { value: 0, label: "Newest" },
            ...Array.from({ length: chosen?.version ?? 0 }, (_, index) => (chosen?.version ?? 0) - index).map(
              (number) => ({ value: number, label: String(number) }),
            ),
          ]}
        />
        <TextField
          label="Name (optional)"
          value={name}
          mono
          maxLength={62}
          placeholder={chosen?.name ?? ""}
          help={`At /mnt/dynamic/${name.trim() || chosen?.name || "<name>"}`}
          onChange={setName}
        />
      </div>
      <Checkbox
        checked={writes && Boolean(chosen?.writable)}
        disabled={!chosen?.writable}
        onChange={(event) => setWrites(event.target.checked)}
      >
        To write, too
      </Checkbox>
      <Checkbox checked={keep} onChange={(event) => setKeep(event.target.checked)}>
        It comes back at each start
      </Checkbox>
    </FormDialog>
  );
}
