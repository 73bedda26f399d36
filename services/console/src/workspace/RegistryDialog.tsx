/** Where a workspace's snapshots are pushed, instead of the installation's registry. */
import { Checkbox } from "antd";
import { useState } from "react";

import type { Registry, Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useCredentials } from "../api/workspaceQueries";
import { ChoiceField, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";

const NOTHING: Registry = { address: "", repository: "", credential: null, insecure: false, compression: "gzip" };

/** Plain http is for a registry on the workbench's own host. */
const isLocal = (address: string): boolean => /^(localhost|127\.0\.0\.1)(:|$)/.test(address);

export function RegistryDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [registry, setRegistry] = useState<Registry>(workspace.registry ?? NOTHING);
  const credentials = useCredentials(workspace.id).data?.filter(({ kind }) => kind === "registry") ?? [];
  const put = useAction({
    run: (body: Registry) => workspaceCalls.putRegistry(workspace.id, body),
    lists: ["workspaces"],
  });
  const set = (more: Partial<Registry>) => setRegistry({ ...registry, ...more });
  const body = {
    ...registry,
    address: registry.address.trim(),
    repository: registry.repository.trim(),
    credential: registry.credential || null,
    insecure: registry.insecure && isLocal(registry.address.trim()),
  };
  return (
    <FormDialog
      title={`Registry of “${workspace.display_name}”`}
      okText="Use this registry"
      onSubmit={() => put.mutate(body, { onSuccess: onClose })}
      onClose={onClose}
      pending={put.isPending}
      error={put.error}
      disabled={!body.address || !body.repository}
    >
      <TextField
        label="Address"
        value={registry.address}
        onChange={(address) => set({ address })}
        mono
        autoFocus
        maxLength={255}
        placeholder="registry.example.org"
        help="With its port, if any."
      />
      <TextField
        label="Repository"
        value={registry.repository}
        onChange={(repository) => set({ repository })}
        mono
        maxLength={200}
        placeholder="team/saved"
        help="Saved images are pushed below it, and nowhere else."
      />
      <ChoiceField
        label="Credential"
        value={registry.credential ?? ""}
        onChange={(credential) => set({ credential })}
        help="Stored under Credentials, for this host."
        options={[
          { value: "", label: "None" },
          ...credentials.map(({ id, name, host }) => ({ value: id, label: `${name} (${host})` })),
        ]}
      />
      <ChoiceField
        label="Compression"
        value={registry.compression}
        onChange={(compression) => set({ compression })}
        options={[
          { value: "gzip", label: "gzip" },
          { value: "zstd", label: "zstd: quicker, for Docker 23 and newer" },
        ]}
      />
      {isLocal(registry.address) && (
        <Checkbox checked={registry.insecure} onChange={(event) => set({ insecure: event.target.checked })}>
          Plain http
        </Checkbox>
      )}
    </FormDialog>
  );
}
