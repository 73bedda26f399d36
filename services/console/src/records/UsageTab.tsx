/** Who or what used how much, in a window of time: a table with bars, and the same as CSV. */
import { DownloadOutlined } from "@ant-design/icons";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Button, Input, Select } from "antd";
import { useState } from "react";

import type { UsageBy, UsageLine, Workspace } from "../api/models";
import { csvUrl, workspaceCalls, type UsageQuery } from "../api/workspaceCalls";
import { DataTable, type Column } from "../common/DataTable";
import { formatBytes } from "../common/format";
import { useUser } from "../shell/me";
import { may } from "../workspace/rights";
import { storageText } from "./storageText";
import { BY, dayOf, firstOfMonth, formatHours, MEASURES, partOf, total, usualMeasure, windowOf, type Measure } from "./usage";

/** Of one workspace; without one, of all that there are. */
export function UsageTab({ workspace }: { workspace?: Workspace }) {
  const [by, setBy] = useState<UsageBy>(workspace ? "user" : "workspace");
  const [first, setFirst] = useState(() => firstOfMonth(Date.now()));
  const [last, setLast] = useState(() => dayOf(Date.now()));
  const [measure, setMeasure] = useState<Measure>();
  const query: UsageQuery = { by, workspace: workspace?.id ?? null, ...windowOf(first, last) };
  const report = useQuery({
    queryKey: ["usage", query],
    queryFn: ({ signal }) => workspaceCalls.usage(query, signal),
    placeholderData: keepPreviousData,
  });
  const lines = report.data?.lines;
  const shown = measure ?? usualMeasure(lines ?? []);
  const kinds = (Object.keys(BY) as UsageBy[]).filter((kind) => !workspace || kind !== "workspace");
  const onlyOwn = workspace && !may(workspace, "usage.read");
  return (
    <>
      <div className="section-head">
        <h2>Usage</h2>
        <Button href={csvUrl("usage", query)} icon={<DownloadOutlined aria-hidden />} download>
          CSV
        </Button>
      </div>
      <div className="filters">
        <Select<UsageBy>
          aria-label="By"
          value={by}
          onChange={setBy}
          options={kinds.map((value) => ({ value, label: `By ${BY[value].toLowerCase()}` }))}
        />
        <Input
          type="date"
          aria-label="First day"
          value={first}
          max={last}
          onChange={(event) => setFirst(event.target.value)}
        />
        <Input
          type="date"
          aria-label="Last day"
          value={last}
          min={first}
          onChange={(event) => setLast(event.target.value)}
        />
        <Select<Measure>
          aria-label="Bars show"
          value={shown}
          onChange={setMeasure}
          options={(Object.keys(MEASURES) as Measure[]).map((value) => ({ value, label: `Bars: ${MEASURES[value]}` }))}
        />
        {onlyOwn && <span className="quiet">Your own use; your role does not show that of others.</span>}
      </div>
      <DataTable
        label="Usage"
        columns={columns(by, lines ?? [], shown)}
        items={lines}
        error={report.error}
        again={() => void report.refetch()}
        keyOf={({ key }) => key}
        rowProps={({ key }) => ({ "aria-label": key })}
        empty={<p className="quiet nothing">Nothing ran in this time.</p>}
      />
      {lines && lines.length > 1 && <Sums lines={lines} />}
      {workspace && <Folders workspace={workspace.id} />}
    </>
  );
}

function columns(by: UsageBy, lines: readonly UsageLine[], measure: Measure): Column<UsageLine>[] {
  const hours = (key: Measure): Column<UsageLine> => ({
    key,
    title: MEASURES[key],
    width: "8em",
    render: (line) => formatHours(line[key]),
  });
  const measured = lines.some((line) => line.storage != null);
  const storage: Column<UsageLine> = {
    key: "storage",
    title: "Storage now",
    width: "9em",
    render: (line) => (line.storage == null ? <span className="quiet">–</span> : formatBytes(line.storage)),
  };
  return [
    { key: "name", title: BY[by], width: "18%", render: ({ key }) => <span className="title">{key}</span> },
    {
      key: "bar",
      title: MEASURES[measure],
      hideTitle: true,
      render: (line) => (
        <span className="bar" aria-hidden="true">
          <span style={{ width: `${100 * partOf(line, lines, measure)}%` }} />
        </span>
      ),
    },
    { key: "runs", title: "Runs", width: "6em", render: ({ runs }) => runs },
    hours("hours"),
    hours("cpu_hours"),
    hours("memory_gib_hours"),
    hours("gpu_hours"),
    ...(measured ? [storage] : []),
  ];
}

function Sums({ lines }: { lines: readonly UsageLine[] }) {
  const sum = total(lines);
  const parts = (Object.keys(MEASURES) as Measure[]).map((key) => `${formatHours(sum[key])} ${MEASURES[key]}`);
  return <p className="sums">Together: {parts.join(" · ")}</p>;
}

function Folders({ workspace }: { workspace: string }) {
  const me = useUser();
  const { data } = useQuery({
    queryKey: ["storage", workspace],
    queryFn: ({ signal }) => workspaceCalls.storage(workspace, signal),
  });
  const text = data && storageText(data, me.name);
  return text ? <p className="sums">{text}</p> : null;
}
