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
  const [fileProblem, setFileProblem] = useState<string>();
  const keyOf = useOnceKey();
  const add = useAction({ run: (body: SshKeyAdd) => sshCalls.addKey(body, keyOf(body)), lists: ["sshKeys"] });
  const refusal = wasRefused(add.error) ? sentenceOf(add.error) : undefined;
  const problem = fileProblem ?? keyProblem(key);

  function change(text: string): void {
    add.reset();
    setFileProblem(undefined);
    setKey(text);
  }

  async function read(file: File): Promise<void> {
    // The longest text that is looked at; anything longer is no key.
    const text = await file.slice(0, KEY_MAX + 1).text();
    const wrong = keyProblem(text);
    change(wrong ? "" : text.trim());
    setFileProblem(wrong);
  }

  return (
    <FormDialog
      title="Add an SSH key"
      okText="Add"
      onSubmit={() => add.mutate({ title: title.trim(), public_key: key.trim() }, { onSuccess: onClose })}
      onClose={onClose}
      pending={add.isPending}
      error={refusal ? null : add.error}
      disabled={!key.trim() || problem !== undefined}
    >
      <TextField
        label="Public key"
        value={key}
        onChange={change}
        rows={4}
        mono
        autoFocus
        placeholder="ssh-ed25519 AAAA… you@laptop"
        problem={problem ?? refusal}
        help="One line: the content of a file ending in .pub, such as ~/.ssh/id_ed25519.pub."
      />
      <Upload
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
