/** Make a new version of a dataset: other data under the same name. */
import { useState } from "react";

import { datasetCalls } from "../api/datasetCalls";
import type { Dataset, VersionCreate } from "../api/models";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { DATASET_LISTS } from "./useDatasetActions";
import { isManaged } from "./words";

export function VersionDialog({ dataset, onClose }: { dataset: Dataset; onClose: () => void }) {
  const managed = isManaged(dataset);
  const [uri, setUri] = useState(managed ? "" : dataset.uri);
  const [description, setDescription] = useState("");
  const keyOf = useOnceKey();
  const add = useAction({
    run: (body: VersionCreate) => datasetCalls.addVersion(dataset.id, body, keyOf([dataset.version, body])),
    lists: DATASET_LISTS,
  });
  const body = { uri: uri.trim() || null, description: description.trim() };
  return (
    <FormDialog
      title={`New version of “${dataset.name}”`}
      okText="Make version"
      onSubmit={() => add.mutate(body, { onSuccess: onClose })}
      onClose={onClose}
      pending={add.isPending}
      error={add.error}
      disabled={!managed && !body.uri}
    >
      {managed ? (
        <p>A new, empty folder is made for it. The versions before stay as they are.</p>
      ) : (
        <TextField
          label="Address"
          value={uri}
          mono
          autoFocus
          maxLength={1000}
          onChange={setUri}
          help="Of the same kind as the versions before."
        />
      )}
      <TextField
        label="What is other in it (optional)"
        value={description}
        rows={2}
        maxLength={2000}
        onChange={setDescription}
      />
    </FormDialog>
  );
}
