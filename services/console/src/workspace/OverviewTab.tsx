/** What a workspace is for and what it allows; its texts, policy and end are changed from here. */
import { Button, Descriptions } from "antd";
import { useState } from "react";

import type { Workspace } from "../api/models";
import { useImages } from "../api/queries";
import { formatDate } from "../common/format";
import { goTo } from "../shell/route";
import { PolicyDialog } from "./PolicyDialog";
import { rulesOf } from "./policyText";
import { RegistrySection } from "./RegistrySection";
import { may } from "./rights";
import { TextsDialog } from "./TextsDialog";
import { useWorkspaceActions } from "./useWorkspaceActions";

export function OverviewTab({ workspace }: { workspace: Workspace }) {
  const [dialog, setDialog] = useState<"texts" | "policy">();
  const images = useImages(workspace.id).data ?? [];
  const actions = useWorkspaceActions(() => goTo("workspace"));
  const nameOf = (id: string) => images.find((image) => image.id === id)?.name ?? id;
  const close = () => setDialog(undefined);
  return (
    <div className="details">
      <section>
        <div className="section-head">
          <h2>About</h2>
          {may(workspace, "workspace.change") && <Button onClick={() => setDialog("texts")}>Change</Button>}
          {may(workspace, "workspace.archive") && (
            <>
              <Button onClick={() => actions.archive(workspace)}>
                {workspace.archived_at ? "Open again" : "Archive"}
              </Button>
              <Button danger onClick={() => actions.remove(workspace)}>
                Delete
              </Button>
            </>
          )}
        </div>
        <p>{workspace.description || <span className="quiet">No description.</span>}</p>
        <p className="quiet">
          Created {formatDate(workspace.created_at)}
          {workspace.archived_at && `, archived ${formatDate(workspace.archived_at)}`}. Its id is{" "}
          <code>{workspace.id}</code>.
        </p>
      </section>
      <section>
        <div className="section-head">
          <h2>Policy</h2>
          {may(workspace, "policy.change") && <Button onClick={() => setDialog("policy")}>Change the policy</Button>}
        </div>
        <Descriptions
          className="sheet"
          column={1}
          size="small"
          bordered
          styles={{ label: { width: "16em" } }}
          items={rulesOf(workspace.policy, nameOf).map(({ title, text }) => ({
            key: title,
            label: title,
            children: text,
          }))}
        />
      </section>
      <RegistrySection workspace={workspace} />
      {dialog === "texts" && <TextsDialog workspace={workspace} onClose={close} />}
      {dialog === "policy" && <PolicyDialog workspace={workspace} images={images} onClose={close} />}
    </div>
  );
}
