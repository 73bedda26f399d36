/** What a workspace may use of each resource group, what it uses, and how it divides that. */
import { Button } from "antd";
import { useState } from "react";

import type { QuotaView, ResourceGroup, Workspace } from "../api/models";
import { useGroups, useQuotas } from "../api/workspaceQueries";
import { Loaded } from "../common/Loaded";
import { Meter } from "../common/Meter";
import { AddQuota } from "./AddQuota";
import { barsOf, limitsText } from "./quotaBars";
import { QuotaDialog } from "./QuotaDialog";
import { rowsOf } from "./quotaEdit";
import { may } from "./rights";

export function QuotasTab({ workspace }: { workspace: Workspace }) {
  const quotas = useQuotas(workspace.id);
  const groups = useGroups().data ?? [];
  const [edited, setEdited] = useState<QuotaView>();
  const gives = may(workspace, "quota.change");
  return (
    <Loaded query={quotas}>
      {(views) => {
        const without = groups.filter((group) => !views.some((view) => view.resource_group === group.name));
        return (
          <div className="details">
            {views.length === 0 && (
              <p className="quiet">This workspace may use no resource group yet. A platform administrator gives it a quota.</p>
            )}
            {views.map((view) => (
              <Card
                key={view.resource_group}
                view={view}
                group={groups.find((group) => group.name === view.resource_group)}
                workspace={workspace}
                onEdit={() => setEdited(view)}
              />
            ))}
            {gives && without.length > 0 && <AddQuota groups={without} onChoose={setEdited} />}
            {edited && (
              <QuotaDialog
                workspace={workspace}
                view={edited}
                group={groups.find((group) => group.name === edited.resource_group)}
                onClose={() => setEdited(undefined)}
              />
            )}
          </div>
        );
      }}
    </Loaded>
  );
}

interface CardProps {
  view: QuotaView;
  group: ResourceGroup | undefined;
  workspace: Workspace;
  onEdit: () => void;
}

function Card({ view, group, workspace, onEdit }: CardProps) {
  const edits = may(workspace, "cap.change") || may(workspace, "quota.change");
  const [, ...caps] = rowsOf(view.quota);
  return (
    <section className="sheet card" aria-label={`Quota in ${view.resource_group}`}>
      <div className="section-head">
        <h2>
          {view.resource_group}
          {group?.description && <span className="quiet"> · {group.description}</span>}
        </h2>
        {edits && <Button onClick={onEdit}>{may(workspace, "quota.change") ? "Change" : "Change the caps"}</Button>}
      </div>
      <div className="meters">
        {barsOf(view, group).map(({ key, label, text, part }) => (
          <Meter key={key} label={label} text={text} part={part} />
        ))}
      </div>
      <dl className="caps">
        {caps.map(({ key, title, limits }) => (
          <div key={key}>
            <dt>{title}</dt>
            <dd>{limitsText(limits)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
