/** What is fixed or chosen about an instance, as a table. */
import { Descriptions, Typography } from "antd";
import type { ReactNode } from "react";

import type { Instance } from "../api/models";
import { useCodeSources } from "../api/workspaceQueries";
import { formatBytes, formatDateTime, formatGpu } from "../common/format";
import { useUser } from "../shell/me";
import { hrefOf } from "../shell/route";
import { useWorkspace } from "../shell/scope";
import { may } from "../workspace/rights";

export function Facts({ instance }: { instance: Instance }) {
  const me = useUser();
  const workspace = useWorkspace(instance.workspace_id);
  const readsCode = Boolean(instance.code_source) && may(workspace, "code.read");
  const sources = useCodeSources(instance.workspace_id, readsCode).data;
  const code = sources?.find(({ id }) => id === instance.code_source);
  const { spec, started_at: started, stopped_at: stopped } = instance;
  const gpu = spec.gpu ? `, ${formatGpu(spec)}` : "";
  const items = [
    fact("Name", <span className="mono">{instance.name}</span>),
    instance.owner !== me.name && fact("Owner", instance.owner),
    fact("Workspace", workspace?.display_name ?? "one that you are not in"),
    me.isolated && fact("Image", <a href={hrefOf("images", instance.image_id)}>{instance.image_name}</a>),
    fact(
      "Size",
      `${spec.name}: ${spec.cpu} CPU, ${formatBytes(spec.memory)} memory, ${formatBytes(spec.shared_memory)} shared memory${gpu}`,
    ),
    instance.resource_group && fact("Resource group", instance.resource_group),
    fact("Priority", String(instance.priority)),
    instance.code_source && fact("Code", code ? `${code.name}, in ${code.directory}` : instance.code_source),
    instance.save_on_stop && fact("At each stop", "it is saved as an image"),
    fact("Created", formatDateTime(instance.created_at)),
    started && fact("Started", formatDateTime(started)),
    stopped && fact("Stopped", formatDateTime(stopped)),
    fact("Id", <Typography.Text copyable className="mono">{instance.id}</Typography.Text>),
  ].filter((item) => typeof item === "object" && item !== null);
  return <Descriptions column={1} size="small" bordered items={items} />;
}

const fact = (label: string, children: ReactNode) => ({ key: label, label, children });
