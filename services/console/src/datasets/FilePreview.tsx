/** The beginning of a file: a text, a table or a picture. */
import { DownloadOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Modal } from "antd";

import { contentUrl, datasetCalls } from "../api/datasetCalls";
import type { FileEntry, Preview } from "../api/models";
import { formatBytes } from "../common/format";
import { Loaded } from "../common/Loaded";

interface Props {
  dataset: string;
  version: number;
  entry: FileEntry;
  onClose: () => void;
}

export function FilePreview({ dataset, version, entry, onClose }: Props) {
  const preview = useQuery({
    queryKey: ["preview", dataset, version, entry.path],
    queryFn: ({ signal }) => datasetCalls.preview(dataset, version, entry.path, signal),
  });
  const address = contentUrl(dataset, version, entry.path);
  return (
    <Modal
      open
      title={entry.name}
      width="min(960px, 100vw - 32px)"
      onCancel={onClose}
      footer={
        <Button type="primary" icon={<DownloadOutlined aria-hidden />} href={address} download={entry.name}>
          {entry.size == null ? "Download" : `Download (${formatBytes(entry.size)})`}
        </Button>
      }
    >
      <Loaded query={preview}>
        {(found) => (
          <div className="preview" data-testid="preview" data-kind={found.kind}>
            <Body preview={found} picture={contentUrl(dataset, version, entry.path, true)} name={entry.name} />
            {noteOf(found) && <p className="quiet">{noteOf(found)}</p>}
          </div>
        )}
      </Loaded>
    </Modal>
  );
}

function Body({ preview, picture, name }: { preview: Preview; picture: string; name: string }) {
  if (preview.kind === "text") return <pre tabIndex={0}>{preview.text}</pre>;
  if (preview.kind === "image") return <img src={picture} alt={name} />;
  if (preview.kind === "table") return <Table preview={preview} />;
  return null;
}

function Table({ preview }: { preview: Preview }) {
  const { columns = [], column_types: types = [], rows = [] } = preview;
  return (
    <div className="scrolled" tabIndex={0}>
      <table className="preview-table">
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th key={index} scope="col">
                {column}
                {types[index] && <span className="sub">{types[index]}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What of the file is not shown, and why. */
export function noteOf({ kind, message, rows = [], total_rows: total, truncated }: Preview): string {
  if (message) return message;
  if (kind === "none") return "This kind of file has no preview.";
  if (kind === "table" && total != null && total > rows.length) return `The first ${rows.length} of ${total} rows.`;
  return truncated ? "This is the beginning of the file." : "";
}
