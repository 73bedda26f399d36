/** Takes files that are dropped on what it holds. */
import { App } from "antd";
import { useState, type DragEvent, type ReactNode } from "react";

interface Props {
  enabled: boolean;
  onFiles: (files: readonly File[]) => void;
  children: ReactNode;
}

export function DropZone({ enabled, onFiles, children }: Props) {
  const { message } = App.useApp();
  const [over, setOver] = useState(false);
  if (!enabled) return children;

  function hover(event: DragEvent): void {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
    // A folder comes as a file that cannot be read.
    const files = items.flatMap((item) => {
      const file = item.webkitGetAsEntry()?.isDirectory ? null : item.getAsFile();
      return file ? [file] : [];
    });
    if (files.length < items.length) void message.warning("Folders cannot be dropped; drop the files in them.");
    if (files.length) onFiles(files);
  }

  return (
    <div
      className="drop-zone"
      data-over={over || undefined}
      data-testid="drop-zone"
      onDragEnter={hover}
      onDragOver={hover}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={drop}
    >
      {children}
      {over && <p className="drop-hint">Drop the files to upload them into this folder</p>}
    </div>
  );
}
