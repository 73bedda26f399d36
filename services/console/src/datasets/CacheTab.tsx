/** What a node keeps of an object store's dataset: how much, how often that was enough; filling it. */
import { FireOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Input, Progress } from "antd";
import { useState } from "react";

import { datasetCalls } from "../api/datasetCalls";
import { useDatasetCache } from "../api/datasetQueries";
import type { Dataset, DatasetCache, Warming } from "../api/models";
import { Ago } from "../common/Ago";
import { formatBytes, formatProgress, percentOf } from "../common/format";
import { Loaded } from "../common/Loaded";
import { Meter } from "../common/Meter";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { hasWarmed, rateText, warmText } from "./words";

const SOON_MS = 1_000;
const LATER_MS = 15_000;

export function CacheTab({ dataset }: { dataset: Dataset }) {
  const cache = useDatasetCache(dataset.id);
  return (
    <div className="details">
      <Loaded query={cache}>{(found) => <Kept cache={found} />}</Loaded>
      <Warm dataset={dataset} />
    </div>
  );
}

function Kept({ cache }: { cache: DatasetCache }) {
  const { bytes_cached: kept = 0, bytes_limit: limit = 0, bytes_read: read = 0, bytes_fetched: fetched = 0 } = cache;
  return (
    <>
      {cache.message && <Alert type="warning" showIcon title={cache.message} />}
      <Meter
        label="Kept on the node"
        text={limit ? formatProgress(kept, limit) : formatBytes(kept)}
        part={limit ? kept / limit : undefined}
      />
      <Descriptions
        column={1}
        size="small"
        bordered
        items={[
          { key: "mounted", label: "Mounted now", children: cache.mounted ? "yes" : "no" },
          { key: "rate", label: "Hit rate", children: <span data-testid="hit-rate">{rateText(cache.hit_rate)}</span> },
          { key: "read", label: "Read by instances", children: formatBytes(read) },
          { key: "fetched", label: "Fetched from the store", children: formatBytes(fetched) },
        ]}
      />
    </>
  );
}

function Warm({ dataset }: { dataset: Dataset }) {
  const [path, setPath] = useState("");
  const keyOf = useOnceKey();
  const warmings = useQuery({
    queryKey: ["warmings", dataset.id],
    queryFn: async ({ signal }) => (await datasetCalls.warmings(dataset.id, null, signal)).items,
    refetchInterval: ({ state }) => (state.data?.some((item) => !hasWarmed(item)) ? SOON_MS : LATER_MS),
  });
  const found = warmings.data ?? [];
  const warm = useAction({
    run: () => datasetCalls.warm(dataset.id, { path: path.trim() }, keyOf([path, found[0]?.id])),
    lists: ["warmings", "cache"],
    refused: () => `“${dataset.name}” is not being warmed`,
  });
  return (
    <section>
      <h3>Warm the cache</h3>
      <p className="quiet spaced">
        Reads the newest version into the node's cache, so that the first run does not wait for the store.
      </p>
      <div className="row-buttons spaced">
        <Input
          className="warm-path"
          aria-label="Folder or file"
          placeholder="All of it, or a folder"
          maxLength={1000}
          value={path}
          onChange={(event) => setPath(event.target.value)}
        />
        <Button
          type="primary"
          icon={<FireOutlined aria-hidden />}
          loading={warm.isPending}
          onClick={() => warm.mutate(undefined)}
        >
          Warm
        </Button>
      </div>
      {found.map((item) => (
        <WarmLine key={item.id} warming={item} />
      ))}
    </section>
  );
}

function WarmLine({ warming }: { warming: Warming }) {
  const cancel = useAction({
    run: () => datasetCalls.cancelWarming(warming.id),
    lists: ["warmings"],
    refused: () => "The warming was not cancelled",
  });
  const ended = hasWarmed(warming);
  const { state, path, message, bytes_done: done = 0, bytes_total: total } = warming;
  return (
    <div className="snapshot-line" data-testid="warming" data-state={state}>
      <div className="snapshot-head" aria-live="polite">
        <strong>{state}</strong>
        <span className="quiet">
          {path ? `${path}: ` : ""}
          {warmText(warming)} · <Ago at={warming.created_at} />
        </span>
        <span className="grow" />
        {!ended && (
          <Button size="small" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
            Cancel
          </Button>
        )}
      </div>
      {!ended && <Progress percent={percentOf(done, total) ?? 0} status="active" size="small" aria-label="Warming" />}
      {message && <p>{message}</p>}
    </div>
  );
}
