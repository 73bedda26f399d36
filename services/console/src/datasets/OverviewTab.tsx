/** What a dataset is, who uses it, and what can be done with it. */
import { useQuery } from "@tanstack/react-query";
import { DeleteOutlined, EditOutlined, SafetyCertificateOutlined, ShareAltOutlined } from "@ant-design/icons";
import { Alert, Button, Descriptions, Typography } from "antd";
import { useState, type ReactNode } from "react";

import { datasetCalls } from "../api/datasetCalls";
import type { Dataset } from "../api/models";
import { formatDateTime } from "../common/format";
import { Loaded } from "../common/Loaded";
import { StateMark } from "../common/StateMark";
import { useWorkspace } from "../shell/scope";
import { ChangeDatasetDialog } from "./ChangeDatasetDialog";
import { useDatasetActions } from "./useDatasetActions";
import { ACCESS, checkLook, isManaged, labelsText, usersText, VISIBILITIES, whereText } from "./words";

export function OverviewTab({ dataset, onRetired }: { dataset: Dataset; onRetired: () => void }) {
  const actions = useDatasetActions(onRetired);
  const rights = actions.rights(dataset);
  const [editing, setEditing] = useState(false);
  return (
    <div className="details">
      {dataset.description && <p>{dataset.description}</p>}
      <div className="row-buttons">
        {rights.change && (
          <Button icon={<EditOutlined aria-hidden />} onClick={() => setEditing(true)}>
            Change
          </Button>
        )}
        {rights.change && dataset.visibility === "private" && (
          <Button
            icon={<ShareAltOutlined aria-hidden />}
            loading={actions.publishing}
            onClick={() => actions.publish(dataset)}
          >
            Publish to the workspace
          </Button>
        )}
        <Button
          icon={<SafetyCertificateOutlined aria-hidden />}
          loading={actions.checking}
          onClick={() => actions.check(dataset)}
        >
          Check
        </Button>
        {rights.change && (
          <Button icon={<DeleteOutlined aria-hidden />} onClick={() => actions.retire(dataset)}>
            Retire
          </Button>
        )}
      </div>
      <Reachable dataset={dataset} />
      <Facts dataset={dataset} />
      <Users dataset={dataset} />
      {editing && (
        <ChangeDatasetDialog dataset={dataset} publish={rights.publish} onClose={() => setEditing(false)} />
      )}
    </div>
  );
}

function Reachable({ dataset }: { dataset: Dataset }) {
  const check = dataset.versions?.[0]?.check;
  if (!check) return null;
  const at = check.at ? `, tried ${formatDateTime(check.at)}` : "";
  return (
    <div className="details-state" aria-live="polite" data-testid="dataset-check">
      <span>
        <StateMark {...checkLook(check)} />
        <span className="quiet">{at}</span>
      </span>
      {check.reachable !== true && check.message && (
        <Alert type={check.reachable === false ? "warning" : "info"} showIcon title={check.message} />
      )}
    </div>
  );
}

function Facts({ dataset }: { dataset: Dataset }) {
  const workspace = useWorkspace(dataset.workspace_id);
  const rw = dataset.access === "rw";
  const items = [
    fact("Where", whereText(dataset)),
    !isManaged(dataset) && fact("Address", <Copyable text={dataset.uri} />),
    dataset.storage_class && fact("Storage class", dataset.storage_class),
    fact("Mounted at", <Copyable text={dataset.mount_path} />),
    fact("Access", ACCESS[dataset.access]),
    rw && fact("May write", `${dataset.owner}${dataset.write_roles.map((role) => `, ${role}`).join("")}`),
    fact("Visibility", VISIBILITIES[dataset.visibility].label),
    labelsText(dataset) && fact("Labels", labelsText(dataset)),
    fact("Workspace", workspace?.display_name ?? "another one"),
    fact("Owner", dataset.owner),
    fact("Registered", formatDateTime(dataset.created_at)),
    fact("Id", <Copyable text={dataset.id} />),
  ].filter((item) => typeof item === "object");
  return <Descriptions column={1} size="small" bordered items={items} />;
}

const fact = (label: string, children: ReactNode) => ({ key: label, label, children });

function Copyable({ text }: { text: string }) {
  return (
    <Typography.Text copyable={{ text }} className="mono">
      {text}
    </Typography.Text>
  );
}

function Users({ dataset }: { dataset: Dataset }) {
  const usage = useQuery({
    queryKey: ["datasetUsage", dataset.id],
    queryFn: ({ signal }) => datasetCalls.usage(dataset.id, signal),
  });
  return (
    <section>
      <h3>Used by</h3>
      <Loaded query={usage}>{(found) => <p className="quiet">{usersText(found)}</p>}</Loaded>
    </section>
  );
}
