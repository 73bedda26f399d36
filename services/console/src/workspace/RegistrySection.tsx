/** Which registry the saved images of a workspace go to. */
import { Button } from "antd";
import { useState } from "react";

import type { Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { RegistryDialog } from "./RegistryDialog";
import { may } from "./rights";

export function RegistrySection({ workspace }: { workspace: Workspace }) {
  const [open, setOpen] = useState(false);
  const confirm = useConfirm();
  const remove = useAction({
    run: () => workspaceCalls.deleteRegistry(workspace.id),
    lists: ["workspaces"],
    refused: () => "The registry was not changed",
  });
  const { registry } = workspace;
  return (
    <section>
      <div className="section-head">
        <h2>Registry</h2>
        {may(workspace, "credential.manage") && (
          <>
            <Button onClick={() => setOpen(true)}>{registry ? "Change" : "Use another registry"}</Button>
            {registry && <Button onClick={ask}>Remove</Button>}
          </>
        )}
      </div>
      {registry ? (
        <p>
          Saved images are pushed below{" "}
          <code>
            {registry.address}/{registry.repository}
          </code>
          .
        </p>
      ) : (
        <p className="quiet">Saved images stay where this workbench keeps them.</p>
      )}
      {open && <RegistryDialog workspace={workspace} onClose={() => setOpen(false)} />}
    </section>
  );

  function ask(): void {
    confirm({
      title: "Push saved images to the workbench's own place again?",
      content: "Images that are in this registry stay there.",
      okText: "Remove",
      run: () => remove.mutateAsync(undefined),
    });
  }
}
