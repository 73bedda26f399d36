/** The files of a dataset, folder by folder: look at them, fetch, send and delete them. */
import { FileOutlined, FolderFilled, LinkOutlined, UploadOutlined } from "@ant-design/icons";
import { Breadcrumb, Button, Select, Upload } from "antd";
import { useState } from "react";

import { contentUrl, datasetCalls } from "../api/datasetCalls";
import type { Dataset, FileEntry } from "../api/models";
import { usePaged } from "../api/usePaged";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { formatBytes } from "../common/format";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { DropZone } from "./DropZone";
import { FilePreview } from "./FilePreview";
import { stepsOf } from "./paths";
import { UploadList } from "./UploadList";
import { uploadQueue } from "./uploadStore";

export function FilesTab({ dataset }: { dataset: Dataset }) {
  const [version, setVersion] = useState(dataset.version);
  const [folder, setFolder] = useState("");
  const [shown, setShown] = useState<FileEntry>();
  if (!dataset.browsable) {
    return (
      <Empty
        title="Its files cannot be listed here"
        text="The workbench itself does not reach the place where they lie. Mount the dataset in an instance to look at them."
      />
    );
  }
  const writes = dataset.writable && version === dataset.version && dataset.retired_at == null;
  const send = (files: readonly File[]) => uploadQueue.add(dataset.id, folder, files);
  return (
    <div className="details">
      <div className="section-head">
        <Steps name={dataset.name} folder={folder} onGo={setFolder} />
        <span className="grow" />
        <span className="row-buttons">
          {dataset.version > 1 && (
            <Select
              aria-label="Version"
              value={version}
              onChange={(number: number) => {
                setVersion(number);
                setFolder("");
              }}
              options={Array.from({ length: dataset.version }, (_, index) => dataset.version - index).map(
                (number) => ({ value: number, label: `Version ${number}` }),
              )}
            />
          )}
          {writes && <UploadButton onFiles={send} />}
        </span>
      </div>
      <UploadList dataset={dataset.id} />
      <DropZone enabled={writes} onFiles={send}>
        <FolderList
          dataset={dataset}
          version={version}
          folder={folder}
          writes={writes}
          onOpen={(entry) => (entry.kind === "folder" ? setFolder(entry.path) : setShown(entry))}
        />
      </DropZone>
      {shown && <FilePreview dataset={dataset.id} version={version} entry={shown} onClose={() => setShown(undefined)} />}
    </div>
  );
}

function UploadButton({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  return (
    <Upload
      multiple
      showUploadList={false}
      // Called once for each of the files, with all of them.
      beforeUpload={(file, all) => {
        if (file === all[0]) onFiles(all);
        return false;
      }}
    >
      <Button type="primary" icon={<UploadOutlined aria-hidden />}>
        Upload
      </Button>
    </Upload>
  );
}

function Steps({ name, folder, onGo }: { name: string; folder: string; onGo: (folder: string) => void }) {
  const steps = [{ name, path: "" }, ...stepsOf(folder)];
  return (
    <Breadcrumb
      aria-label="Folder"
      items={steps.map((step, index) => ({
        key: step.path,
        title:
          index === steps.length - 1 ? (
            step.name
          ) : (
            <Button type="link" size="small" onClick={() => onGo(step.path)}>
              {step.name}
            </Button>
          ),
      }))}
    />
  );
}

interface ListProps {
  dataset: Dataset;
  version: number;
  folder: string;
  writes: boolean;
  onOpen: (entry: FileEntry) => void;
}

function FolderList({ dataset, version, folder, writes, onOpen }: ListProps) {
  const confirm = useConfirm();
  const list = usePaged(["files", dataset.id, version, folder], (cursor, signal) =>
    datasetCalls.files(dataset.id, version, folder, cursor, signal),
  );
  const remove = useAction({
    run: (entry: FileEntry) => datasetCalls.deleteFile(dataset.id, entry.path),
    lists: ["files"],
    refused: ({ name }) => `“${name}” was not deleted`,
  });
  const ask = (entry: FileEntry) =>
    confirm({
      title: `Delete “${entry.name}”?`,
      content:
        entry.kind === "folder"
          ? "Only an empty folder can be deleted."
          : "Instances that have this dataset mounted no longer see it, either. This cannot be undone.",
      okText: "Delete",
      run: () => remove.mutateAsync(entry),
    });
  return (
    <DataTable
      label="Files"
      columns={columns(onOpen, (entry) => (
        <span className="row-buttons">
          {entry.kind === "file" && (
            <Button size="small" href={contentUrl(dataset.id, version, entry.path)} download={entry.name}>
              Download
            </Button>
          )}
          {writes && (
            <Button size="small" onClick={() => ask(entry)}>
              Delete
            </Button>
          )}
        </span>
      ))}
      items={list.items}
      error={list.error}
      again={list.again}
      more={list.more}
      keyOf={({ path }) => path}
      rowProps={({ name }) => ({ "aria-label": name })}
      empty={
        <Empty
          title="Nothing is in this folder"
          text={writes ? "Drop files here, or choose them with the button above." : "Whoever fills it shows here."}
        />
      }
    />
  );
}

const ICONS = {
  folder: <FolderFilled aria-label="Folder" />,
  file: <FileOutlined aria-hidden />,
  link: <LinkOutlined aria-label="Link" />,
  other: <FileOutlined aria-hidden />,
} as const;

function columns(onOpen: (entry: FileEntry) => void, buttons: (entry: FileEntry) => React.ReactNode): Column<FileEntry>[] {
  return [
    {
      key: "name",
      title: "Name",
      render: (entry) => (
        <span className="file-name">
          {ICONS[entry.kind]}
          {entry.kind === "folder" || entry.kind === "file" ? (
            <Button type="link" size="small" onClick={() => onOpen(entry)}>
              {entry.name}
            </Button>
          ) : (
            <span className="quiet">{entry.name}</span>
          )}
        </span>
      ),
    },
    {
      key: "size",
      title: "Size",
      width: "8em",
      render: ({ size }) => (size == null ? <span className="quiet">–</span> : formatBytes(size)),
    },
    {
      key: "changed",
      title: "Changed",
      width: "8em",
      render: ({ modified_at: at }) => at && <Ago at={at} />,
    },
    { key: "actions", title: "Actions", hideTitle: true, width: "1%", render: buttons },
  ];
}
