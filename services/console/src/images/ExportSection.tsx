/** An image as a file: have it made, see how far it is, fetch it. */
import { DownloadOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Progress } from "antd";

import type { Image, Transfer } from "../api/models";
import { archiveUrl, transferCalls } from "../api/transferCalls";
import { formatBytes, formatDateTime, formatProgress, percentOf } from "../common/format";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { exportOf, transferEnded } from "./transfers";
import { TRANSFER_STATES } from "./words";

const SOON_MS = 1_000;
const LATER_MS = 30_000;

export function ExportSection({ image }: { image: Image }) {
  const transfers = useQuery({
    queryKey: ["transfers"],
    queryFn: ({ signal }) => transferCalls.transfers(signal),
    refetchInterval: ({ state }) => (state.data?.some((item) => !transferEnded(item)) ? SOON_MS : LATER_MS),
  });
  const keyOf = useOnceKey();
  const found = exportOf(transfers.data ?? [], image.id);
  const begin = useAction({
    run: () => transferCalls.exportImage(image.id, keyOf([image.id, found?.id])),
    lists: ["transfers"],
    refused: () => `“${image.name}” was not exported`,
  });
  const end = useAction({
    run: (transfer: Transfer) => transferCalls.end(transfer.id),
    lists: ["transfers"],
    refused: () => "The export was not ended",
  });
  const busy = found && !transferEnded(found);
  const ready = found?.state === "Ready";
  return (
    <section>
      <h3>As a file</h3>
      {found && found.state !== "Cancelled" && <Status transfer={found} />}
      <div className="row-buttons">
        {ready && (
          <Button type="primary" icon={<DownloadOutlined aria-hidden />} href={archiveUrl(found.id)} download>
            {`Download (${formatBytes(found.size ?? 0)})`}
          </Button>
        )}
        {!busy && !ready && (
          <Button loading={begin.isPending} onClick={() => begin.mutate(undefined)}>
            Export as an OCI archive
          </Button>
        )}
        {(busy || ready) && (
          <Button loading={end.isPending} onClick={() => end.mutate(found)}>
            {busy ? "Cancel" : "Remove the file"}
          </Button>
        )}
      </div>
    </section>
  );
}

function Status({ transfer }: { transfer: Transfer }) {
  const { kind, state, bytes_done: done, size, message, expires_at: expires } = transfer;
  if (state === "Ready") {
    return expires ? <p className="quiet spaced">The file is kept until {formatDateTime(expires)}.</p> : null;
  }
  return (
    <div className="spaced" aria-live="polite">
      <p className="quiet">
        {TRANSFER_STATES[kind][state]}
        {!transferEnded(transfer) && done > 0 && `: ${formatProgress(done, size)}`}
        {message && `. ${message}`}
      </p>
      {!transferEnded(transfer) && (
        <Progress percent={percentOf(done, size) ?? 0} status="active" size="small" aria-label="Export" />
      )}
    </div>
  );
}
