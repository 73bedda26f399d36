/** Register a git repository. */
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { CodeSourceCreate, Workspace } from "../api/models";
import { useCredentials } from "../api/workspaceQueries";
import { ChoiceField, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { may } from "./rights";

export function CodeSourceDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [source, setSource] = useState({ name: "", url: "", ref: "", directory: "", credential: "" });
  // Inside an instance a repository's credential can be read, so only these people hand one out.
  const mayName = may(workspace, "credential.manage");
  const credentials = useCredentials(workspace.id, mayName).data?.filter(({ kind }) => kind === "git") ?? [];
  const keyOf = useOnceKey();
  const add = useAction({
    run: (body: CodeSourceCreate) => assetCalls.createCodeSource(body, keyOf(body)),
    lists: ["codeSources"],
  });
  const set = (key: keyof typeof source) => (value: string) => setSource({ ...source, [key]: value });
  const [name, url] = [source.name.trim(), source.url.trim()];

  function submit(): void {
    const body = {
      workspace: workspace.id,
      name,
      url,
      ref: source.ref.trim(),
      directory: source.directory.trim(),
      credential: source.credential || null,
    };
    add.mutate(body, { onSuccess: onClose });
  }

  return (
    <FormDialog
      title="Add a repository"
      okText="Add"
      onSubmit={submit}
      onClose={onClose}
      pending={add.isPending}
      error={add.error}
      disabled={!name || !url}
    >
      <TextField
        label="Address"
        value={source.url}
        onChange={set("url")}
        mono
        autoFocus
        maxLength={1000}
        placeholder="https://git.example.org/team/model.git"
        help="http:// or https://, without a user name or password in it."
      />
      <TextField label="Name" value={source.name} onChange={set("name")} maxLength={100} />
      <div className="field-row">
        <TextField
          label="Branch, tag or commit (optional)"
          value={source.ref}
          onChange={set("ref")}
          mono
          maxLength={200}
          placeholder="default branch"
        />
        <TextField
          label="Folder in the home (optional)"
          value={source.directory}
          onChange={set("directory")}
          mono
          maxLength={200}
          placeholder="the repository's name"
        />
      </div>
      {credentials.length > 0 && (
        <ChoiceField
          label="Credential"
          value={source.credential}
          onChange={set("credential")}
          help="Whoever starts an instance with this source can read it there."
          options={[
            { value: "", label: "None: everybody may read the repository" },
            ...credentials.map((item) => ({ value: item.id, label: `${item.name} (${item.host})` })),
          ]}
        />
      )}
    </FormDialog>
  );
}
