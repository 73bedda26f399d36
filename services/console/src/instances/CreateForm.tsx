/** The form for a new instance. */
import { Alert, Button, Checkbox, Form, Input, Select } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import { useDatasets } from "../api/datasetQueries";
import type { InstanceCreate, Spec, Workspace } from "../api/models";
import { sentenceOf } from "../api/problem";
import { useImages } from "../api/queries";
import { useGroups } from "../api/workspaceQueries";
import { Loaded } from "../common/Loaded";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { useUser } from "../shell/me";
import { may } from "../workspace/rights";
import { DatasetRows } from "./DatasetRows";
import { mountable, staticMounts, wishesProblem, type DatasetWish } from "./datasetWishes";
import { ImagePicker } from "./ImagePicker";
import { NameField } from "./NameField";
import { nameProblem, serverName } from "./names";
import { groupFor, offerOf } from "./offers";
import { PlaceFields, usualPlace } from "./PlaceFields";
import { SpecPicker } from "./SpecPicker";
import { canStart } from "./states";
import { CHANGED } from "./useInstanceActions";

interface Props {
  specs: Spec[];
  workspaces: Workspace[];
  /** Names that the user's instances have already. */
  taken: string[];
  workspace: string | undefined;
  image: string | undefined;
  onDone: () => void;
}

export function CreateForm(props: Props) {
  const { specs, workspaces, taken, onDone } = props;
  const me = useUser();
  const keyOf = useOnceKey();
  const create = useAction({
    run: (body: InstanceCreate) => calls.createInstance(body, keyOf(body)),
    lists: CHANGED,
  });
  const [displayName, setDisplayName] = useState("");
  const [ownName, setOwnName] = useState<string>();
  const [workspaceId, setWorkspaceId] = useState(props.workspace);
  const workspace = workspaces.find((item) => item.id === workspaceId) ?? workspaces[0];
  const [image, setImage] = useState(props.image);
  const [spec, setSpec] = useState<string>();
  const [place, setPlace] = useState(() => usualPlace(workspace));
  const [mounts, setMounts] = useState<DatasetWish[]>([]);
  const [saves, setSaves] = useState(false);
  const [start, setStart] = useState(true);
  const [wait, setWait] = useState(true);
  const [tried, setTried] = useState(false);
  const images = useImages(workspace?.id);
  const groups = useGroups().data ?? [];
  const mayMount = me.isolated && may(workspace, "mount.own");
  const datasets = mountable(useDatasets(workspace?.id, mayMount).data ?? []);

  const offers = new Map(
    specs.map((item) => [item.name, offerOf(item, workspace, groups, place.group || undefined)]),
  );
  const size = [spec, ...specs.map((item) => item.name)].find((name) => name && !offers.get(name)?.problem);
  const offered = images.data ?? [];
  const chosen = (offered.find((item) => item.id === image) ?? offered.find(canStart))?.id;
  const title = displayName.trim();
  const problem = ownName === undefined ? undefined : nameProblem(ownName, taken);
  const missing = missingOf(title, chosen, size);

  function changeWorkspace(id: string): void {
    setWorkspaceId(id);
    setMounts([]);
    setPlace(usualPlace(workspaces.find((item) => item.id === id)));
  }

  function submit(): void {
    setTried(true);
    if (missing || problem || wishesProblem(mounts, datasets) || !chosen || !size) return;
    const asked = specs.find((item) => item.name === size);
    const group = place.group || (asked && groupFor(asked, groups)?.name);
    const body: InstanceCreate = {
      workspace: workspace?.id ?? null,
      name: ownName ?? null,
      display_name: title,
      image: chosen,
      spec: size,
      resource_group: group ?? null,
      priority: place.priority,
      code_source: place.code || null,
      datasets: staticMounts(mounts),
      save_on_stop: saves,
      start,
      queue: wait,
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
            value={workspace?.id ?? null}
            onChange={changeWorkspace}
            options={workspaces.map((item) => ({ value: item.id, label: item.display_name }))}
          />
        </Form.Item>
      )}
      <h3>Image</h3>
      {me.isolated ? (
        <Loaded query={images}>
          {(items) => <ImagePicker images={items} value={chosen} onChange={setImage} />}
        </Loaded>
      ) : (
        <p className="quiet">Instances run in this host's own environment; there is no image to choose.</p>
      )}
      <h3>Size</h3>
      <SpecPicker specs={specs} offers={offers} value={size} onChange={setSpec} />
      <PlaceFields workspace={workspace} spec={size} place={place} onChange={setPlace} />
      {mayMount && datasets.length > 0 && (
        <>
          <h3>Datasets</h3>
          <DatasetRows datasets={datasets} wishes={mounts} onChange={setMounts} />
        </>
      )}
      {me.isolated && (
        <Checkbox checked={saves} onChange={(event) => setSaves(event.target.checked)}>
          Save it as an image at each stop
        </Checkbox>
      )}
      <div className="form-foot">
        {create.error && <Alert type="error" showIcon title={sentenceOf(create.error)} role="alert" />}
        {tried && title && missing && <Alert type="warning" showIcon title={missing} role="alert" />}
        <div className="form-buttons">
          <Checkbox checked={start} onChange={(event) => setStart(event.target.checked)}>
            Start it right away
          </Checkbox>
          {start && (
            <Checkbox checked={!wait} onChange={(event) => setWait(!event.target.checked)}>
              Fail instead of waiting
            </Checkbox>
          )}
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

function missingOf(title: string, image: string | undefined, size: string | undefined): string | undefined {
  if (!image) return "No image can be used now. An administrator can build one with: dsw images build";
  if (!size) return "There is no size that you may take here. Ask an administrator of the workspace.";
  return title ? undefined : "Give the instance a name.";
}
