/** Check, publish and retire a dataset, and what the user may do with one. */
import { datasetCalls } from "../api/datasetCalls";
import type { Dataset } from "../api/models";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { useUser } from "../shell/me";
import { useScope } from "../shell/scope";
import { rightsOnDataset, type DatasetRights } from "../workspace/rights";

/** The lists that a change of a dataset shows in. */
export const DATASET_LISTS = ["datasets", "dataset"];

export interface DatasetActions {
  check: (dataset: Dataset) => void;
  checking: boolean;
  publish: (dataset: Dataset) => void;
  publishing: boolean;
  retire: (dataset: Dataset) => void;
  rights: (dataset: Dataset) => DatasetRights;
}

export function useDatasetActions(onRetired?: () => void): DatasetActions {
  const me = useUser();
  const { workspaces } = useScope();
  const confirm = useConfirm();
  const check = useAction({
    run: (dataset: Dataset) => datasetCalls.check(dataset.id),
    lists: DATASET_LISTS,
    refused: ({ name }) => `“${name}” was not checked`,
  });
  const publish = useAction({
    run: (dataset: Dataset) => datasetCalls.change(dataset.id, { visibility: "workspace" }),
    lists: DATASET_LISTS,
    refused: ({ name }) => `“${name}” was not published`,
  });
  const retire = useAction({
    run: (dataset: Dataset) => datasetCalls.retire(dataset.id),
    lists: DATASET_LISTS,
    refused: ({ name }) => `“${name}” was not retired`,
  });
  return {
    check: check.mutate,
    checking: check.isPending,
    publish: publish.mutate,
    publishing: publish.isPending,
    rights: (dataset) =>
      rightsOnDataset(dataset, me, workspaces.find(({ id }) => id === dataset.workspace_id)),
    retire: (dataset) =>
      confirm({
        title: `Retire the dataset “${dataset.name}”?`,
        content: "It leaves the list, and nothing new can mount it. Its data stays where it is.",
        okText: "Retire",
        run: () => retire.mutateAsync(dataset),
        onDone: onRetired,
      }),
  };
}
