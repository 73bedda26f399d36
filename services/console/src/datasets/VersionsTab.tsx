/** The versions of a dataset, with what came of the last try to reach each. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";

import type { Dataset, DatasetVersion } from "../api/models";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { StateMark } from "../common/StateMark";
import { useDatasetActions } from "./useDatasetActions";
import { VersionDialog } from "./VersionDialog";
import { checkLook } from "./words";

export function VersionsTab({ dataset }: { dataset: Dataset }) {
  const actions = useDatasetActions();
  const [adding, setAdding] = useState(false);
  return (
    <div className="details">
      <div className="section-head">
        <p className="quiet">An instance that names no version gets the newest at each start.</p>
        <span className="grow" />
        {actions.rights(dataset).change && (
          <Button icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
            New version
          </Button>
        )}
      </div>
      <DataTable
        label="Versions"
        columns={COLUMNS}
        items={[...(dataset.versions ?? [])].sort((one, other) => other.number - one.number)}
        error={null}
        again={() => undefined}
        keyOf={({ number }) => String(number)}
        empty={<Empty title="No version" text="Make one with the button above." />}
      />
      {adding && <VersionDialog dataset={dataset} onClose={() => setAdding(false)} />}
    </div>
  );
}

const COLUMNS: Column<DatasetVersion>[] = [
  { key: "number", title: "Version", width: "6em", render: ({ number }) => number },
  {
    key: "uri",
    title: "Address",
    render: ({ uri, description }) => (
      <>
        {uri ? <span className="mono">{uri}</span> : "A folder of its own"}
        {description && <span className="sub">{description}</span>}
      </>
    ),
  },
  {
    key: "check",
    title: "State",
    width: "16em",
    render: ({ check }) =>
      check && (
        <>
          <StateMark {...checkLook(check)} />
          {check.reachable !== true && check.message && <span className="sub">{check.message}</span>}
        </>
      ),
  },
  { key: "by", title: "By", width: "10%", render: ({ created_by }) => created_by },
  { key: "created", title: "Created", width: "8em", render: ({ created_at }) => <Ago at={created_at} /> },
];
