/** All about one dataset: what it is, its versions, its files, and what nodes keep of it. */
import { Alert, Drawer, Tabs } from "antd";

import { useDataset } from "../api/datasetQueries";
import type { Dataset } from "../api/models";
import { Loaded } from "../common/Loaded";
import { goTo } from "../shell/route";
import { CacheTab } from "./CacheTab";
import { FilesTab } from "./FilesTab";
import { OverviewTab } from "./OverviewTab";
import { VersionsTab } from "./VersionsTab";
import { hasCache } from "./words";

interface Props {
  id: string;
  tab: string | undefined;
  onClose: () => void;
}

export function DatasetDrawer({ id, tab, onClose }: Props) {
  const dataset = useDataset(id);
  return (
    <Drawer open size="min(920px, 100vw)" title={dataset.data?.name ?? "Dataset"} onClose={onClose}>
      <Loaded query={dataset}>{(shown) => <Details dataset={shown} tab={tab} onClose={onClose} />}</Loaded>
    </Drawer>
  );
}

function Details({ dataset, tab, onClose }: { dataset: Dataset; tab: string | undefined; onClose: () => void }) {
  const items = [
    { key: "overview", label: "Overview", children: <OverviewTab dataset={dataset} onRetired={onClose} /> },
    { key: "files", label: "Files", children: <FilesTab key={dataset.id} dataset={dataset} /> },
    { key: "versions", label: "Versions", children: <VersionsTab dataset={dataset} /> },
    ...(hasCache(dataset) ? [{ key: "cache", label: "Cache", children: <CacheTab dataset={dataset} /> }] : []),
  ];
  const active = items.some(({ key }) => key === tab) ? (tab ?? "overview") : "overview";
  return (
    <>
      {dataset.retired_at != null && (
        <Alert
          type="info"
          showIcon
          title="This dataset was retired: nothing new can mount it. Its data is where it was."
        />
      )}
      <Tabs
        activeKey={active}
        onChange={(key) => goTo("datasets", dataset.id, key)}
        destroyOnHidden
        items={items}
      />
    </>
  );
}
