/** The stored credentials of a workspace; their secrets are never shown again. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { Credential, Workspace } from "../api/models";
import { usePaged } from "../api/usePaged";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { CredentialDialog, KINDS } from "./CredentialDialog";
import { may } from "./rights";

export function CredentialsTab({ workspace }: { workspace: Workspace }) {
  const list = usePaged(["credentials", workspace.id], (cursor, signal) =>
    assetCalls.credentials(workspace.id, cursor, signal),
  );
  const [adding, setAdding] = useState(false);
  const confirm = useConfirm();
  const remove = useAction({
    run: (credential: Credential) => assetCalls.deleteCredential(credential.id),
    lists: ["credentials"],
    refused: (credential) => `“${credential.name}” was not deleted`,
  });
  const manages = may(workspace, "credential.manage");
  const ask = (credential: Credential) =>
    confirm({
      title: `Delete the credential “${credential.name}”?`,
      content: `It is forgotten here; at ${credential.host} it stays valid until it is ended there.`,
      okText: "Delete",
      run: () => remove.mutateAsync(credential),
    });
  return (
    <>
      <div className="section-head">
        <h2>Credentials</h2>
        {manages && (
          <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
            Store a credential
          </Button>
        )}
      </div>
      <DataTable
        label="Credentials"
        columns={columns(manages ? ask : undefined)}
        items={list.items}
        error={list.error}
        again={list.again}
        more={list.more}
        keyOf={({ id }) => id}
        rowProps={({ name }) => ({ "aria-label": name })}
        empty={
          <Empty
            title="No credential yet"
            text="A credential opens a registry or a git server for images and code that not everybody may read. It is kept encrypted and sent to its own host only."
          />
        }
      />
      {adding && <CredentialDialog workspace={workspace} onClose={() => setAdding(false)} />}
    </>
  );
}

function columns(remove: ((credential: Credential) => void) | undefined): Column<Credential>[] {
  const shown: Column<Credential>[] = [
    { key: "name", title: "Name", width: "24%", render: ({ name }) => <span className="title">{name}</span> },
    { key: "kind", title: "For", width: "12em", render: ({ kind }) => KINDS[kind] },
    {
      key: "host",
      title: "Host and user",
      render: ({ host, username }) => (
        <span className="mono">{username ? `${username} @ ${host}` : host}</span>
      ),
    },
    {
      key: "added",
      title: "Stored",
      width: "12em",
      render: ({ created_at, owner }) => (
        <>
          <Ago at={created_at} />
          <span className="sub">by {owner}</span>
        </>
      ),
    },
  ];
  if (!remove) return shown;
  const buttons: Column<Credential> = {
    key: "actions",
    title: "Actions",
    hideTitle: true,
    width: "1%",
    render: (credential) => <Button onClick={() => remove(credential)}>Delete</Button>,
  };
  return [...shown, buttons];
}
