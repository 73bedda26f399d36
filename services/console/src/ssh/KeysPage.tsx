/** The user's own SSH keys, which open every instance that they may enter by SSH. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";

import type { SshKey } from "../api/models";
import { sshCalls, useSshKeys } from "../api/sshCalls";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { AddKeyDialog } from "./AddKeyDialog";
import { Command } from "./Command";

export function KeysPage() {
  const keys = useSshKeys();
  const [adding, setAdding] = useState(false);
  const confirm = useConfirm();
  const remove = useAction({
    run: (key: SshKey) => sshCalls.deleteKey(key.id),
    lists: ["sshKeys"],
    refused: (key) => `“${key.title}” was not removed`,
  });
  const ask = (key: SshKey) =>
    confirm({
      title: `Remove the key “${key.title}”?`,
      content: "It opens no instance any more. SSH sessions that are open with it end within seconds.",
      okText: "Remove",
      run: () => remove.mutateAsync(key),
    });
  return (
    <>
      <PageTitle
        title="SSH keys"
        text="Your public keys. Each opens every instance that you may enter by SSH, in every workspace."
      >
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
          Add a key
        </Button>
      </PageTitle>
      <DataTable
        label="SSH keys"
        columns={columns(ask)}
        items={keys.data}
        error={keys.error}
        again={() => void keys.refetch()}
        keyOf={({ id }) => id}
        rowProps={({ title }) => ({ "aria-label": title })}
        empty={<NoKeys />}
      />
      {adding && <AddKeyDialog onClose={() => setAdding(false)} />}
    </>
  );
}

function NoKeys() {
  return (
    <Empty
      title="No SSH key yet"
      text="With a key you enter your instances from a terminal, desktop VS Code or JetBrains. Make one on your computer if you have none, then add the file that ends in .pub:"
    >
      <Command label="the command that makes a key" text="ssh-keygen -t ed25519" />
      <p>The file without .pub is private. It stays on your computer and is never sent.</p>
    </Empty>
  );
}

const columns = (remove: (key: SshKey) => void): Column<SshKey>[] => [
  { key: "name", title: "Title", width: "22%", render: ({ title }) => <span className="title">{title}</span> },
  {
    key: "fingerprint",
    title: "Type and fingerprint",
    render: ({ kind, fingerprint }) => (
      <>
        {kind}
        <span className="sub mono">{fingerprint}</span>
      </>
    ),
  },
  { key: "key-added", title: "Added", width: "9em", render: ({ created_at: at }) => <Ago at={at} /> },
  {
    key: "key-used",
    title: "Last used",
    width: "9em",
    render: ({ last_used_at: at }) => (at ? <Ago at={at} /> : <span className="quiet">never</span>),
  },
  {
    key: "actions",
    title: "Actions",
    hideTitle: true,
    width: "1%",
    render: (key) => <Button onClick={() => remove(key)}>Remove</Button>,
  },
];
