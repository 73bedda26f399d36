/** Archive a workspace, open it again, or delete it. */
import type { Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";

const LISTS = ["workspaces", "instances", "queue"];

export function useWorkspaceActions(onDeleted?: () => void) {
  const confirm = useConfirm();
  const change = useAction({
    run: ({ workspace, archived }: { workspace: Workspace; archived: boolean }) =>
      workspaceCalls.changeWorkspace(workspace.id, { archived }),
    lists: LISTS,
    refused: ({ workspace, archived }) =>
      `“${workspace.display_name}” was not ${archived ? "archived" : "opened again"}`,
  });
  const remove = useAction({
    run: (workspace: Workspace) => workspaceCalls.deleteWorkspace(workspace.id),
    lists: LISTS,
    refused: (workspace) => `“${workspace.display_name}” was not deleted`,
  });
  return {
    archive: (workspace: Workspace): void => {
      if (workspace.archived_at) return change.mutate({ workspace, archived: false });
      confirm({
        title: `Archive “${workspace.display_name}”?`,
        content:
          "Its instances are stopped, and nothing in it can be started or changed until it is opened again. Files and images are kept.",
        okText: "Archive",
        run: () => change.mutateAsync({ workspace, archived: true }),
      });
    },
    remove: (workspace: Workspace): void =>
      confirm({
        title: `Delete “${workspace.display_name}”?`,
        content:
          "Only a workspace without instances, images and code sources can be deleted. Its members, quotas and credentials go with it; its folders on the NAS stay. This cannot be undone.",
        okText: "Delete",
        run: () => remove.mutateAsync(workspace),
        onDone: onDeleted,
      }),
  };
}
