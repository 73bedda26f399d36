/** Store a user name and a secret for one host. */
import { Input } from "antd";
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { Credential, CredentialCreate, Workspace } from "../api/models";
import { ChoiceField, Field, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";

export const KINDS: Record<Credential["kind"], string> = {
  registry: "Registry",
  git: "Git server",
  "object-store": "Object store",
};

const HOSTS: Record<Credential["kind"], string> = {
  registry: "registry.example.org",
  git: "git.example.org",
  "object-store": "s3.example.org",
};

const NOTHING = { name: "", host: "", username: "", secret: "" };

export function CredentialDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [kind, setKind] = useState<Credential["kind"]>("registry");
  const [text, setText] = useState(NOTHING);
  const keyOf = useOnceKey();
  const add = useAction({
    run: (body: CredentialCreate) => assetCalls.createCredential(body, keyOf(body)),
    lists: ["credentials"],
  });
  const set = (key: keyof typeof text) => (value: string) => setText({ ...text, [key]: value });
  const { name, host, username, secret } = text;
  const store = kind === "object-store";
  const body = { workspace: workspace.id, kind, name: name.trim(), host: host.trim(), username: username.trim(), secret };
  return (
    <FormDialog
      title="Store a credential"
      okText="Store"
      onSubmit={() => add.mutate(body, { onSuccess: onClose })}
      onClose={onClose}
      pending={add.isPending}
      error={add.error}
      disabled={!body.name || !body.host || !secret}
    >
      <ChoiceField
        label="For"
        value={kind}
        onChange={setKind}
        options={(Object.keys(KINDS) as Credential["kind"][]).map((value) => ({ value, label: KINDS[value] }))}
      />
      <TextField label="Name" value={name} onChange={set("name")} maxLength={100} autoFocus />
      <TextField
        label="Host"
        value={host}
        onChange={set("host")}
        mono
        maxLength={255}
        placeholder={HOSTS[kind]}
        help="With its port, if any. The secret is sent to this host and to no other."
      />
      <TextField label={store ? "Access key id" : "User name (if any)"} value={username} onChange={set("username")} maxLength={255} />
      <Field label={store ? "Access key secret" : "Password or token"} help="Kept encrypted, and never shown again.">
        {(id) => (
          <Input.Password
            id={id}
            autoComplete="new-password"
            maxLength={8192}
            value={secret}
            onChange={(event) => set("secret")(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
