/** Bring an image into the catalog that is a file, with the way of its bytes. */
import { UploadOutlined } from "@ant-design/icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Progress, Upload } from "antd";
import { useEffect, useRef, useState } from "react";

import type { ImageImport, Transfer, Workspace } from "../api/models";
import { Problem } from "../api/problem";
import { transferCalls } from "../api/transferCalls";
import { ChoiceField, Field, TextField } from "../common/Field";
import { formatBytes, formatProgress, percentOf } from "../common/format";
import { FormDialog } from "../common/FormDialog";
import { sendAll } from "../common/pieces";
import { useOnceKey } from "../common/useOnceKey";
import { goTo } from "../shell/route";
import { cutOff, transferEnded } from "./transfers";
import { TRANSFER_STATES } from "./words";

const PAUSE_MS = 1_000;
const NOTHING = { name: "", description: "", tag: "" };

interface Props {
  /** Those in which the user may add images; at least one. */
  workspaces: readonly Workspace[];
  onClose: () => void;
}

export function ImportDialog({ workspaces, onClose }: Props) {
  const [workspace, setWorkspace] = useState(workspaces[0]?.id ?? "");
  const [file, setFile] = useState<File>();
  const [text, setText] = useState(NOTHING);
  const { bring, transfer } = useImport((id) => {
    onClose();
    goTo("images", id);
  });
  const set = (key: keyof typeof text) => (value: string) => setText({ ...text, [key]: value });
  const name = text.name.trim();

  function choose(chosen: File): boolean {
    setFile(chosen);
    if (!name) set("name")(chosen.name.replace(/\.(oci\.)?tar$/, "").slice(0, 100));
    return false;
  }

  function submit(): void {
    if (!file) return;
    const tag = text.tag.trim() || null;
    bring.mutate({ file, body: { workspace, name, description: text.description.trim(), tag, size: file.size } });
  }

  return (
    <FormDialog
      title="Import an image"
      okText="Import"
      onSubmit={submit}
      onClose={onClose}
      pending={bring.isPending}
      error={bring.error}
      disabled={!file || !name}
    >
      {workspaces.length > 1 && (
        <ChoiceField
          label="Workspace"
          value={workspace}
          onChange={setWorkspace}
          disabled={bring.isPending}
          options={workspaces.map((item) => ({ value: item.id, label: item.display_name }))}
        />
      )}
      <Field label="File" help="An OCI archive, as an export makes it, or one of docker save.">
        {(id) => (
          <Upload
            id={id}
            accept=".tar"
            maxCount={1}
            showUploadList={false}
            disabled={bring.isPending}
            beforeUpload={choose}
          >
            <Button icon={<UploadOutlined aria-hidden />} disabled={bring.isPending}>
              {file ? `${file.name} (${formatBytes(file.size)})` : "Choose a file"}
            </Button>
          </Upload>
        )}
      </Field>
      <TextField label="Name" value={text.name} maxLength={100} disabled={bring.isPending} onChange={set("name")} />
      <TextField
        label="Description (optional)"
        rows={2}
        maxLength={2000}
        value={text.description}
        disabled={bring.isPending}
        onChange={set("description")}
      />
      <TextField
        label="Tag (optional)"
        mono
        maxLength={128}
        value={text.tag}
        disabled={bring.isPending}
        onChange={set("tag")}
      />
      {bring.isPending && <Sending transfer={transfer} />}
    </FormDialog>
  );
}

interface Import {
  file: File;
  body: ImageImport;
}

/** The import under way; it ends with the dialog, and what arrived is kept for another try. */
function useImport(onDone: (image: string) => void) {
  const queries = useQueryClient();
  const keyOf = useOnceKey();
  const [transfer, setTransfer] = useState<Transfer>();
  const closed = useRef(new AbortController());
  useEffect(() => {
    closed.current = new AbortController();
    return () => closed.current.abort();
  }, []);
  const bring = useMutation({
    mutationFn: async ({ file, body }: Import) => {
      const { signal } = closed.current;
      const known = await transferCalls.transfers(signal);
      const begun =
        cutOff(known, body.name, body.size, body.workspace ?? "") ??
        (await transferCalls.importImage(body, keyOf([body, known.length])));
      const ended = await sendAll(file, begun, {
        hasEnded: transferEnded,
        send: ({ id, bytes_done }, piece) => transferCalls.sendPiece(id, bytes_done, piece),
        look: ({ id }) => transferCalls.transfer(id),
        pause: () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)),
        onChange: setTransfer,
        signal,
      });
      if (ended.state !== "Ready" || !ended.image_id) throw new Problem(409, "conflict", ended.message);
      return ended.image_id;
    },
    onSuccess: onDone,
    onSettled: () => {
      for (const list of ["images", "transfers"]) void queries.invalidateQueries({ queryKey: [list] });
    },
  });
  return { bring, transfer };
}

function Sending({ transfer }: { transfer: Transfer | undefined }) {
  if (!transfer) return null;
  const { state, bytes_done: done, size } = transfer;
  return (
    <div aria-live="polite">
      <p className="quiet">
        {TRANSFER_STATES.import[state]}: {formatProgress(done, size)}. When this is cut off, choose the same
        file and name again to go on.
      </p>
      <Progress percent={percentOf(done, size) ?? 0} status="active" size="small" aria-label="Import" />
    </div>
  );
}
