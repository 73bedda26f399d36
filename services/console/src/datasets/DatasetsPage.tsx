/** The datasets that the user sees, and the way to register one. */
import { PlusOutlined } from "@ant-design/icons";
import { Button, Tag } from "antd";
import { useState } from "react";

import { useDatasets } from "../api/datasetQueries";
import type { Dataset } from "../api/models";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { StateMark } from "../common/StateMark";
import { goTo, hrefOf, usePageRoute } from "../shell/route";
import { useScope, where } from "../shell/scope";
import { DatasetDrawer } from "./DatasetDrawer";
import { DatasetFilterBar } from "./DatasetFilterBar";
import { filtered, type DatasetFilters } from "./filters";
import { RegisterDialog } from "./RegisterDialog";
import { ACCESS, checkLook, labelsText, VISIBILITIES, whereText } from "./words";

const FILTERS_FROM = 4;
const NO_FILTERS: DatasetFilters = { text: "" };

export function DatasetsPage() {
  const route = usePageRoute("datasets");
  const scope = useScope();
  const list = useDatasets(scope.chosen?.id);
  const [filters, setFilters] = useState(NO_FILTERS);
  const [registering, setRegistering] = useState(false);
  const addable = where(scope, "dataset.add");
  const all = list.data;
  return (
    <>
      <PageTitle title="Datasets" text="Data to mount in instances: folders, NAS, object stores and repositories.">
        {addable.length > 0 && (
          <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setRegistering(true)}>
            Register a dataset
          </Button>
        )}
      </PageTitle>
      {(all?.length ?? 0) >= FILTERS_FROM && (
        <DatasetFilterBar datasets={all ?? []} filters={filters} onChange={setFilters} />
      )}
      <DataTable
        label="Datasets"
        columns={COLUMNS}
        items={all && filtered(all, filters)}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={({ id }) => id}
        rowProps={({ name, kind }) => ({
          "aria-label": name,
          "data-testid": `dataset-row-${name}`,
          "data-kind": kind,
        })}
        empty={<Nothing searched={Boolean(all?.length)} again={() => setFilters(NO_FILTERS)} />}
      />
      {route.id && <DatasetDrawer id={route.id} tab={route.extra} onClose={() => goTo("datasets")} />}
      {registering && <RegisterDialog workspaces={addable} onClose={() => setRegistering(false)} />}
    </>
  );
}

function Nothing({ searched, again }: { searched: boolean; again: () => void }) {
  if (searched) {
    return (
      <Empty title="Nothing found" text="No dataset fits all that you chose and typed.">
        <Button onClick={again}>Show all</Button>
      </Empty>
    );
  }
  return (
    <Empty
      title="No dataset yet"
      text="Register a place where data lies, or have a new folder made; then mount it in instances, also while they run."
    />
  );
}

const COLUMNS: Column<Dataset>[] = [
  {
    key: "name",
    title: "Name",
    render: (dataset) => (
      <>
        <a className="title" href={hrefOf("datasets", dataset.id)}>
          {dataset.name}
        </a>
        {dataset.description && <span className="sub">{dataset.description}</span>}
        {labelsText(dataset) && <span className="sub">{labelsText(dataset)}</span>}
      </>
    ),
  },
  {
    key: "kind",
    title: "Where",
    width: "30%",
    render: (dataset) => (
      <>
        {whereText(dataset)}
        {dataset.uri && <span className="sub mono">{dataset.uri}</span>}
      </>
    ),
  },
  {
    key: "access",
    title: "Access",
    width: "12em",
    render: ({ access, visibility }) => (
      <span className="tags">
        <Tag>{ACCESS[access]}</Tag>
        <Tag>{VISIBILITIES[visibility].label}</Tag>
      </span>
    ),
  },
  { key: "version", title: "Version", width: "6em", render: ({ version }) => version },
  {
    key: "check",
    title: "State",
    width: "10em",
    render: ({ versions }) => versions?.[0]?.check && <StateMark {...checkLook(versions[0].check)} />,
  },
  { key: "owner", title: "Owner", width: "9%", render: ({ owner }) => owner },
  { key: "created", title: "Registered", width: "8em", render: ({ created_at }) => <Ago at={created_at} /> },
];
