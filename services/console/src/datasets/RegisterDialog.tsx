/** Register a dataset: where its data lies, or that a new folder is made for it. */
import { useState } from "react";

import { datasetCalls } from "../api/datasetCalls";
import { useStorageClasses } from "../api/datasetQueries";
import type { DatasetCreate, StorageClass, Workspace } from "../api/models";
import { useCredentials } from "../api/workspaceQueries";
import { ChoiceField, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { useUser } from "../shell/me";
import { goTo } from "../shell/route";
import { may } from "../workspace/rights";
import { DatasetFields, type DatasetText } from "./DatasetFields";
import { nameProblem, readLabels } from "./paths";
import { FOLDER, GIT, isStore, placeOptions, uriHelp, uriPlaceholder, usualText } from "./placeText";
import { DATASET_LISTS } from "./useDatasetActions";

interface Props {
  /** Those in which the user may register datasets; at least one. */
  workspaces: readonly Workspace[];
  onClose: () => void;
}

export function RegisterDialog({ workspaces, onClose }: Props) {
  const me = useUser();
  const [id, setId] = useState(workspaces[0]?.id ?? "");
  const [name, setName] = useState("");
  const [place, setPlace] = useState(FOLDER);
  const [uri, setUri] = useState("");
  const [credential, setCredential] = useState("");
  const [text, setText] = useState<DatasetText>(usualText(FOLDER));
  const classes = useStorageClasses(id).data ?? [];
  const chosen = classes.find((item) => item.name === place);
  const keyOf = useOnceKey();
  const create = useAction({
    run: (body: DatasetCreate) => datasetCalls.create(body, keyOf(body)),
    lists: DATASET_LISTS,
  });
  const { labels, problem } = readLabels(text.labels);
  const wrong = nameProblem(name.trim());

  function choosePlace(value: string): void {
    setPlace(value);
    setCredential("");
    const usual = usualText(value, classes.find((item) => item.name === value));
    setText({ ...text, access: usual.access });
  }

  function submit(): void {
    const body: DatasetCreate = {
      workspace: id,
      name: name.trim(),
      description: text.description.trim(),
      labels,
      access: text.access,
      write_roles: text.writeRoles,
      visibility: text.visibility,
      mount_path: text.mountPath.trim() || null,
      uri: place === FOLDER ? null : uri.trim(),
      storage_class: chosen?.name ?? null,
      credential: credential || null,
    };
    create.mutate(body, {
      onSuccess: (dataset) => {
        onClose();
        goTo("datasets", dataset.id, place === FOLDER ? "files" : undefined);
      },
    });
  }

  return (
    <FormDialog
      title="Register a dataset"
      okText="Register"
      onSubmit={submit}
      onClose={onClose}
      pending={create.isPending}
      error={create.error}
      disabled={!name.trim() || Boolean(wrong ?? problem) || (place !== FOLDER && !uri.trim())}
      width={640}
    >
      {workspaces.length > 1 && (
        <ChoiceField
          label="Workspace"
          value={id}
          onChange={(value) => {
            setId(value);
            setPlace(FOLDER);
            setCredential("");
          }}
          options={workspaces.map((item) => ({ value: item.id, label: item.display_name }))}
        />
      )}
      <TextField label="Name" value={name} mono autoFocus maxLength={62} problem={wrong} onChange={setName} />
      <ChoiceField label="Where its data lies" value={place} onChange={choosePlace} options={placeOptions(classes)} />
      {place !== FOLDER && (
        <TextField
          label="Address"
          value={uri}
          mono
          maxLength={1000}
          onChange={setUri}
          placeholder={uriPlaceholder(place, chosen)}
          help={uriHelp(place, chosen)}
        />
      )}
      <CredentialField
        workspace={workspaces.find((item) => item.id === id)}
        place={place}
        storage={chosen}
        value={credential}
        onChange={setCredential}
      />
      <DatasetFields workspace={id} name={name.trim()} value={text} onChange={setText} publish={me.admin} />
    </FormDialog>
  );
}

interface CredentialProps {
  workspace: Workspace | undefined;
  place: string;
  storage: StorageClass | undefined;
  value: string;
  onChange: (value: string) => void;
}

/** Only those who manage credentials hand one out; a class with a key of its own needs none. */
function CredentialField({ workspace, place, storage, value, onChange }: CredentialProps) {
  const mayName = may(workspace, "credential.manage");
  const kind = place === GIT ? "git" : "object-store";
  const found = useCredentials(workspace?.id ?? "", mayName && workspace !== undefined).data ?? [];
  const fitting = found.filter((item) => item.kind === kind);
  if (place !== GIT && !(isStore(storage) && storage?.own_credential)) return null;
  return (
    <ChoiceField
      label="Credential"
      value={value}
      onChange={onChange}
      help={
        mayName
          ? "Kept by control and used to mount; it never comes into an instance. Store one on the workspace's page."
          : "Only who manages the workspace's credentials may name one."
      }
      options={[
        { value: "", label: place === GIT ? "None: everybody may read the repository" : "None" },
        ...fitting.map((item) => ({ value: item.id, label: `${item.name} (${item.host})` })),
      ]}
    />
  );
}
