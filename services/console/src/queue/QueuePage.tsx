/** Who waits for what, in the order of service; who manages the queue changes it here. */
import { useQueue } from "../api/workspaceQueries";
import { DataTable } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { useScope } from "../shell/scope";
import { queueColumns } from "./columns";
import { useQueueActions } from "./useQueueActions";

export function QueuePage() {
  const { chosen, workspaces } = useScope();
  const list = useQueue(chosen?.id);
  const actions = useQueueActions();
  const groups = new Set(list.data?.map((entry) => entry.resource_group));
  return (
    <>
      <PageTitle
        title="Queue"
        text="Instances that wait until what they need is free. The first in line is served first."
      />
      <DataTable
        label="Queue"
        columns={queueColumns({
          entries: list.data ?? [],
          workspaces,
          actions,
          showWorkspace: !chosen,
          showGroup: groups.size > 1,
        })}
        items={list.data}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(entry) => entry.instance_id}
        rowProps={(entry) => ({
          "aria-label": entry.display_name,
          "data-testid": `queue-row-${entry.name}`,
        })}
        empty={
          <Empty
            title="Nobody waits"
            text="When a start does not fit now, it waits here and begins as soon as what it needs is free."
          />
        }
      />
    </>
  );
}
