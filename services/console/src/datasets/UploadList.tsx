/** Uploads into a dataset: those of this page, and those that a reload cut off. */
import { Alert, Button, Progress, Upload } from "antd";
import { useState } from "react";

import { datasetCalls } from "../api/datasetCalls";
import { useServerUploads } from "../api/datasetQueries";
import type { Upload as ServerUpload } from "../api/models";
import { formatBytes, formatProgress, percentOf } from "../common/format";
import { useAction } from "../common/useAction";
import { paceText } from "./pace";
import { interrupted, type Sending } from "./uploads";
import { uploadQueue, useUploads } from "./uploadStore";

export function UploadList({ dataset }: { dataset: string }) {
  const all = useUploads();
  const known = useServerUploads().data ?? [];
  const here = all.filter((item) => item.dataset === dataset);
  const broken = interrupted(known, all, dataset);
  if (here.length + broken.length === 0) return null;
  return (
    <ul className="uploads" aria-label="Uploads">
      {broken.map((upload) => (
        <Interrupted key={upload.id} upload={upload} />
      ))}
      {here.map((item) => (
        <Line key={item.key} item={item} />
      ))}
    </ul>
  );
}

const WORDS: Record<Sending["state"], string> = {
  waiting: "Waiting",
  sending: "Sending",
  paused: "Paused",
  done: "Uploaded",
  failed: "Not uploaded",
};

function Line({ item }: { item: Sending }) {
  const { key, path, file, state, upload } = item;
  const done = upload?.bytes_done ?? 0;
  const storing = state === "sending" && upload?.state === "Storing";
  return (
    <li data-testid="upload" data-state={state}>
      <span className="upload-head">
        <strong>{path}</strong>
        <span className="quiet" aria-live="polite">
          {storing ? "Storing" : WORDS[state]}
          {state === "sending" && `: ${paceText(done, file.size, item.start, Date.now())}`}
          {state === "paused" && ` at ${formatProgress(done, file.size)}`}
          {(state === "done" || state === "waiting") && `: ${formatBytes(file.size)}`}
        </span>
        <span className="grow" />
        <LineButtons item={item} />
      </span>
      {state !== "done" && state !== "failed" && (
        <Progress
          percent={percentOf(done, file.size) ?? 0}
          status={state === "sending" ? "active" : "normal"}
          size="small"
          aria-label={`Upload of ${path}`}
        />
      )}
      {item.problem && <Alert type="error" showIcon title={item.problem} role="alert" key={key} />}
    </li>
  );
}

function LineButtons({ item: { key, state, taken } }: { item: Sending }) {
  const end = () => void uploadQueue.cancel(key).catch(() => undefined);
  return (
    <span className="row-buttons">
      {state === "failed" && taken && (
        <Button size="small" onClick={() => uploadQueue.resume(key, true)}>
          Replace it
        </Button>
      )}
      {state === "failed" && !taken && (
        <Button size="small" onClick={() => uploadQueue.resume(key)}>
          Try again
        </Button>
      )}
      {(state === "sending" || state === "waiting") && (
        <Button size="small" onClick={() => uploadQueue.pause(key)}>
          Pause
        </Button>
      )}
      {state === "paused" && (
        <Button size="small" onClick={() => uploadQueue.resume(key)}>
          Go on
        </Button>
      )}
      <Button size="small" onClick={end}>
        {state === "done" || state === "failed" ? "Hide" : "Cancel"}
      </Button>
    </span>
  );
}

/** A page that was loaded again has no hold of the file any more: people choose it once more. */
function Interrupted({ upload }: { upload: ServerUpload }) {
  const [problem, setProblem] = useState<string>();
  const cancel = useAction({
    run: () => datasetCalls.cancelUpload(upload.id),
    lists: ["uploads"],
    refused: () => "The upload was not cancelled",
  });
  return (
    <li data-testid="upload" data-state="interrupted">
      <span className="upload-head">
        <strong>{upload.path}</strong>
        <span className="quiet">Interrupted at {formatProgress(upload.bytes_done, upload.size)}</span>
        <span className="grow" />
        <span className="row-buttons">
          <Upload
            showUploadList={false}
            beforeUpload={(file) => {
              setProblem(uploadQueue.takeUp(upload, file));
              return false;
            }}
          >
            <Button size="small">Choose the file to go on</Button>
          </Upload>
          <Button size="small" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
            Cancel
          </Button>
        </span>
      </span>
      {problem && <Alert type="error" showIcon title={problem} role="alert" />}
    </li>
  );
}
