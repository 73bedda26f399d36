/** What concerns every view: a lost connection, an archived workspace, instances without isolation. */
import { Alert } from "antd";
import { useEffect, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";

import { connection } from "../api/connection";
import type { Me, Workspace } from "../api/models";
import { formatDate } from "../common/format";

interface Props {
  me: Me;
  /** That of which things are shown. */
  workspace: Workspace | undefined;
}

export function Banners({ me, workspace }: Props) {
  const reachable = useSyncExternalStore(connection.subscribe, connection.isReachable);
  const queries = useQueryClient();
  useEffect(() => {
    if (reachable) void queries.invalidateQueries();
  }, [reachable, queries]);
  return (
    <>
      {!reachable && (
        <Alert
          type="warning"
          showIcon
          className="banner"
          role="alert"
          title="The connection to the workbench is lost."
          description="Your instances keep running. What you see may be old; the page catches up by itself as soon as the workbench answers."
        />
      )}
      {workspace?.archived_at && (
        <Alert
          type="warning"
          showIcon
          className="banner"
          title={`The workspace “${workspace.display_name}” is archived since ${formatDate(workspace.archived_at)}.`}
          description="It is read-only: nothing runs in it, and nothing can be changed. Its files and images are kept. A platform administrator can open it again."
        />
      )}
      {!me.isolated && (
        <Alert
          type="info"
          showIcon
          className="banner"
          title="Instances are local processes here, without isolation and without images."
          description="Everybody's instances run on this host as they are: limits do not hold, and nothing can be saved as an image. Install a container engine to change that."
        />
      )}
    </>
  );
}
