/** Add a public key: pasted, or from a file. What is private goes nowhere, not even into the field. */
import { UploadOutlined } from "@ant-design/icons";
import { Button, Upload } from "antd";
import { useState } from "react";

import type { SshKeyAdd } from "../api/models";
import { sentenceOf, wasRefused } from "../api/problem";
import { sshCalls } from "../api/sshCalls";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { commentOf, KEY_MAX, keyProblem } from "./publicKey";

export function AddKeyDialog({ onClose }: { onClose: () => void }) {
  const [title, setTitle] = useState("");
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState<string>();
  const keyOf = useOnceKey();
  const add = useAction({ run: (body: SshKeyAdd) => sshCalls.addKey(body, keyOf(body)), lists: ["sshKeys"] });
  const refusal = wasRefused(add.error) ? sentenceOf(add.error) : undefined;

  function take(text: string): void {
    const wrong = keyProblem(text);
    add.reset();
    setProblem(wrong);
    setKey(wrong ? "" : text);
  }

  // Somewhat more than the longest key: what is longer is none, and not read in full.
  const read = async (file: File): Promise<void> => take((await file.slice(0, 2 * KEY_MAX).text()).trim());

  return (
    <FormDialog
      title="Add an SSH key"
      okText="Add"
      onSubmit={() => add.mutate({ title: title.trim(), public_key: key.trim() }, { onSuccess: onClose })}
      onClose={onClose}
      pending={add.isPending}
      error={refusal ? null : add.error}
      disabled={!key.trim()}
    >
      <TextField
        label="Public key"
        value={key}
        onChange={take}
        rows={4}
        mono
        autoFocus
        placeholder="ssh-ed25519 AAAA… you@laptop"
        problem={problem ?? refusal}
        help="One line: the content of a file ending in .pub, such as ~/.ssh/id_ed25519.pub."
      />
      <Upload
        className="field-foot"
        showUploadList={false}
        beforeUpload={(file) => {
          void read(file);
          return false;
        }}
      >
        <Button icon={<UploadOutlined aria-hidden />}>Choose a file…</Button>
      </Upload>
      <TextField
        label="Title"
        value={title}
        onChange={setTitle}
        maxLength={100}
        placeholder={commentOf(key) || "My laptop"}
        help="Without one it is called as the key's own comment says."
      />
    </FormDialog>
  );
}
