/** The form for a new instance. */
import { Alert, Button, Checkbox, Drawer, Form, Input, Select, Skeleton } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Image, Instance, InstanceCreate, Spec, Workspace } from "../api/models";
import { sentenceOf } from "../api/problem";
import { useImages, useInstances, useSpecs, useWorkspaces } from "../api/queries";
import { useAction } from "../common/useAction";
import { useUser } from "../shell/me";
import { ImagePicker } from "./ImagePicker";
import { NameField } from "./NameField";
import { nameProblem, serverName } from "./names";
import { SpecPicker } from "./SpecPicker";

interface Props {
  /** Image to start from, when the user came from one. */
  image: string | undefined;
  onClose: () => void;
}

export function CreateDrawer({ image, onClose }: Props) {
  const [images, specs, workspaces, instances] = [useImages(), useSpecs(), useWorkspaces(), useInstances()];
  const failed = images.error ?? specs.error ?? workspaces.error;
  const ready = images.data && specs.data && workspaces.data;
  return (
    <Drawer open title="New instance" size="min(680px, 100vw)" onClose={onClose} className="create">
      {ready ? (
        <CreateForm
          images={images.data}
          specs={specs.data}
          workspaces={workspaces.data}
          mine={instances.data ?? []}
          image={image}
          onDone={onClose}
        />
      ) : failed ? (
        <Alert type="error" showIcon title={sentenceOf(failed)} />
      ) : (
        <Skeleton active paragraph={{ rows: 8 }} />
      )}
    </Drawer>
  );
}

interface FormProps {
  images: Image[];
  specs: Spec[];
  workspaces: Workspace[];
  mine: Instance[];
  image: string | undefined;
  onDone: () => void;
}

function CreateForm(props: FormProps) {
  const { images, specs, workspaces, mine, onDone } = props;
  const me = useUser();
  const create = useAction({ run: calls.createInstance, list: "instances" });
  const [displayName, setDisplayName] = useState("");
  const [ownName, setOwnName] = useState<string>();
  const [workspace, setWorkspace] = useState(workspaces[0]?.id);
  const [image, setImage] = useState(props.image);
  const [spec, setSpec] = useState(specs[0]?.name);
  const [start, setStart] = useState(true);
  const [tried, setTried] = useState(false);

  const offered = images.filter((item) => !item.workspace_id || item.workspace_id === workspace);
  const chosen = (offered.find((item) => item.id === image) ?? offered.find((item) => item.available))?.id;
  const taken = mine.map((instance) => instance.name);
  const title = displayName.trim();
  const problem = ownName === undefined ? undefined : nameProblem(ownName, taken);
  const missing = missingOf(title, chosen, spec, workspaces);

  function submit(): void {
    setTried(true);
    if (missing || problem || !chosen || !spec) return;
    const body: InstanceCreate = {
      workspace: workspace ?? null,
      name: ownName ?? null,
      display_name: title,
      image: chosen,
      spec,
      start,
      queue: true,
    };
    create.mutate(body, { onSuccess: onDone });
  }

  return (
    <Form layout="vertical" onFinish={submit} requiredMark={false} className="form">
      <Form.Item
        label="Display name"
        htmlFor="display-name"
        {...(tried && !title ? { validateStatus: "error", help: "Give it a name, such as what you will work on." } : {})}
      >
        <Input
          id="display-name"
          autoFocus
          autoComplete="off"
          maxLength={100}
          placeholder="Fraud training"
          value={displayName}
          onChange={(event) => setDisplayName(event.target.value)}
        />
      </Form.Item>
      <NameField
        owner={me.name}
        derived={serverName(title, taken)}
        value={ownName}
        problem={problem}
        onChange={setOwnName}
      />
      {workspaces.length > 1 && (
        <Form.Item label="Workspace" htmlFor="workspace">
          <Select
            id="workspace"
            value={workspace}
            onChange={setWorkspace}
            options={workspaces.map((item) => ({ value: item.id, label: item.display_name }))}
          />
        </Form.Item>
      )}
      <h3>Image</h3>
      {me.isolated ? (
        <ImagePicker images={offered} value={chosen} onChange={setImage} />
      ) : (
        <p className="quiet">Instances run in this host's own environment; there is no image to choose.</p>
      )}
      <h3>Size</h3>
      <SpecPicker specs={specs} value={spec} onChange={setSpec} />
      <div className="form-foot">
        {create.error && <Alert type="error" showIcon title={sentenceOf(create.error)} role="alert" />}
        {tried && title && missing && <Alert type="warning" showIcon title={missing} role="alert" />}
        <div className="form-buttons">
          <Checkbox checked={start} onChange={(event) => setStart(event.target.checked)}>
            Start it right away
          </Checkbox>
          <span className="grow" />
          <Button onClick={onDone}>Cancel</Button>
          <Button type="primary" htmlType="submit" loading={create.isPending}>
            Create
          </Button>
        </div>
      </div>
    </Form>
  );
}

function missingOf(
  title: string,
  image: string | undefined,
  spec: string | undefined,
  workspaces: Workspace[],
): string | undefined {
  if (workspaces.length === 0) return "You are in no workspace yet. Ask an administrator to add you to one.";
  if (!image) return "No image can be used now. An administrator can build one with: dsw images build";
  if (!spec) return "There is no size to choose. An administrator sets them in dsw.toml.";
  return title ? undefined : "Give the instance a name.";
}
