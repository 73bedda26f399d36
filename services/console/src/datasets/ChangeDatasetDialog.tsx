/** Change what people read of a dataset, who may write it, and who sees it. */
import { useState } from "react";

import { datasetCalls } from "../api/datasetCalls";
import type { Dataset, DatasetChange } from "../api/models";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { DatasetFields, type DatasetText } from "./DatasetFields";
import { nameProblem, readLabels, writeLabels } from "./paths";
import { DATASET_LISTS } from "./useDatasetActions";

interface Props {
  dataset: Dataset;
  publish: boolean;
  onClose: () => void;
}

const usualPath = (name: string): string => `/mnt/data/${name}`;

export function ChangeDatasetDialog({ dataset, publish, onClose }: Props) {
  const ownPath = dataset.mount_path === usualPath(dataset.name) ? "" : dataset.mount_path;
  const [name, setName] = useState(dataset.name);
  const [text, setText] = useState<DatasetText>({
    description: dataset.description ?? "",
    labels: writeLabels(dataset.labels),
    access: dataset.access,
    writeRoles: dataset.write_roles,
    mountPath: ownPath,
    visibility: dataset.visibility,
  });
  const change = useAction({
    run: (body: DatasetChange) => datasetCalls.change(dataset.id, body),
    lists: DATASET_LISTS,
  });
  const { labels, problem } = readLabels(text.labels);

  function submit(): void {
    const body: DatasetChange = {
      name: name.trim(),
      description: text.description.trim(),
      labels,
      write_roles: text.writeRoles,
      mount_path: text.mountPath.trim(),
      // What stays is left out: it may stand for more than the user may give.
      ...(text.access === dataset.access ? {} : { access: text.access }),
      ...(text.visibility === dataset.visibility ? {} : { visibility: text.visibility }),
    };
    change.mutate(body, { onSuccess: onClose });
  }

  return (
    <FormDialog
      title={`Change “${dataset.name}”`}
      okText="Change"
      onSubmit={submit}
      onClose={onClose}
      pending={change.isPending}
      error={change.error}
      disabled={!name.trim() || Boolean(problem) || Boolean(nameProblem(name.trim()))}
      width={640}
    >
      <TextField label="Name" value={name} mono maxLength={62} problem={nameProblem(name.trim())} onChange={setName} />
      <DatasetFields
        workspace={dataset.workspace_id}
        name={name.trim()}
        value={text}
        onChange={setText}
        publish={publish}
      />
    </FormDialog>
  );
}
