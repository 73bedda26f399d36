/** Add an image that is in a registry to the catalog, by its reference. */
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { ImageAdd, Workspace } from "../api/models";
import { useCredentials } from "../api/workspaceQueries";
import { ChoiceField, TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { goTo } from "../shell/route";
import { may } from "../workspace/rights";
import { ImageFields, type ImageText } from "./ImageFields";

const NO_TEXT: ImageText = {
  name: "",
  description: "",
  visibility: "workspace",
  labels: { framework: "", python: "", cuda: "", os: "" },
};

interface Props {
  /** Those in which the user may add images; at least one. */
  workspaces: readonly Workspace[];
  onClose: () => void;
}

export function AddImageDialog({ workspaces, onClose }: Props) {
  const [id, setId] = useState(workspaces[0]?.id ?? "");
  const [reference, setReference] = useState("");
  const [credential, setCredential] = useState("");
  const [text, setText] = useState(NO_TEXT);
  const workspace = workspaces.find((item) => item.id === id);
  const credentials = useCredentials(id).data?.filter(({ kind }) => kind === "registry") ?? [];
  const keyOf = useOnceKey();
  const add = useAction({
    run: (body: ImageAdd) => assetCalls.addImage(body, keyOf(body)),
    lists: ["images"],
  });

  function submit(): void {
    const { labels, ...rest } = text;
    const body: ImageAdd = {
      ...rest,
      name: text.name.trim(),
      workspace: id,
      reference: reference.trim(),
      credential: credential || null,
      labels: Object.values(labels).some(Boolean) ? labels : null,
    };
    add.mutate(body, {
      onSuccess: (image) => {
        onClose();
        goTo("images", image.id);
      },
    });
  }

  return (
    <FormDialog
      title="Add an image"
      okText={add.isPending ? "Asking the registry" : "Add"}
      onSubmit={submit}
      onClose={onClose}
      pending={add.isPending}
      error={add.error}
      disabled={!reference.trim() || !text.name.trim()}
    >
      {workspaces.length > 1 && (
        <ChoiceField
          label="Workspace"
          value={id}
          onChange={(value) => {
            setId(value);
            setCredential("");
          }}
          options={workspaces.map((item) => ({ value: item.id, label: item.display_name }))}
        />
      )}
      <TextField
        label="Reference"
        value={reference}
        onChange={setReference}
        mono
        autoFocus
        maxLength={500}
        placeholder="registry.example.org/team/image:tag"
        help="What the tag names now is what will run, also when the tag moves on later."
      />
      {credentials.length > 0 && (
        <ChoiceField
          label="Credential"
          value={credential}
          onChange={setCredential}
          options={[
            { value: "", label: "None: the registry lets everybody read it" },
            ...credentials.map(({ id: key, name, host }) => ({ value: key, label: `${name} (${host})` })),
          ]}
        />
      )}
      <ImageFields
        value={text}
        onChange={setText}
        publish={may(workspace, "image.publish")}
        labelHelp="Without labels of yours, what the image says of itself is taken."
      />
    </FormDialog>
  );
}
