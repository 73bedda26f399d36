/** The datasets in an instance: how each mount is, and adding and taking them out while it runs. */
import { PlusOutlined } from "@ant-design/icons";
import { Alert, Button, Progress, Tag } from "antd";
import { useState } from "react";

import { useMounts } from "../api/datasetQueries";
import type { Instance, Mount } from "../api/models";
import { mountCalls } from "../api/mountCalls";
import { Loaded } from "../common/Loaded";
import { StateMark } from "../common/StateMark";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { ACCESS, holdersText, isBusy, mountTone } from "../datasets/words";
import { hrefOf } from "../shell/route";
import { AddMountDialog } from "./AddMountDialog";
import { isUp } from "./states";

interface Props {
  instance: Instance;
  /** Whether the user may mount and unmount. */
  changes: boolean;
}

export function MountsSection({ instance, changes }: Props) {
  const mounts = useMounts(instance.id);
  const [adding, setAdding] = useState(false);
  const up = isUp(instance.state);
  return (
    <section aria-label="Datasets">
      <div className="section-head">
        <h3>Datasets</h3>
        <span className="grow" />
        {changes && up && (
          <Button size="small" icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
            Mount a dataset
          </Button>
        )}
      </div>
      <Loaded query={mounts}>
        {(found) =>
          found.length === 0 ? (
            <p className="quiet">
              {up ? "None is mounted. One can be mounted now, without a restart." : "It starts without datasets."}
            </p>
          ) : (
            <ul className="plain-list mounts">
              {found.map((mount) => (
                <Line key={mount.id} mount={mount} changes={changes} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {adding && <AddMountDialog instance={instance} onClose={() => setAdding(false)} />}
    </section>
  );
}

function Line({ mount, changes }: { mount: Mount; changes: boolean }) {
  const { state, message, percent, dataset_id, dataset_name, version, target, access, kind, keep } = mount;
  return (
    <li data-testid={`mount-${mount.name}`} data-state={state}>
      <div className="upload-head">
        <a href={hrefOf("datasets", dataset_id)}>
          <strong>{dataset_name}</strong>
        </a>
        <span className="quiet">version {version}</span>
        <span className="tags">
          <Tag>{ACCESS[access]}</Tag>
          {kind === "static" ? <Tag>From its start</Tag> : keep && <Tag>Kept</Tag>}
        </span>
        <span className="grow" />
        {changes && kind === "dynamic" && <UnmountButton mount={mount} />}
      </div>
      <span className="sub mono">{target}</span>
      <div aria-live="polite">
        <StateMark label={state} tone={mountTone(mount)} />
        {state === "Mounting" && percent != null && (
          <Progress percent={Math.floor(percent)} status="active" size="small" aria-label={`Mounting of ${dataset_name}`} />
        )}
        {isBusy(mount) ? (
          <Alert type="warning" showIcon title={message || `It is in use by ${holdersText(mount)}.`} />
        ) : (
          message && <p className="quiet">{message}</p>
        )}
      </div>
    </li>
  );
}

/** Of what is not mounted only the row goes. */
const isThere = ({ state }: Mount): boolean => state !== "Failed" && state !== "Unmounted";

function UnmountButton({ mount }: { mount: Mount }) {
  const confirm = useConfirm();
  const unmount = useAction({
    run: (force: boolean) => mountCalls.unmount(mount.instance_id, mount.id, force),
    lists: ["mounts"],
    refused: () => `“${mount.name}” was not unmounted`,
  });
  const busy = isBusy(mount);
  const ask = () =>
    confirm({
      title: `Unmount “${mount.name}” although it is in use?`,
      content: `${holdersText(mount)} get errors, and what they have not written yet may be lost.`,
      okText: "Unmount by force",
      run: () => unmount.mutateAsync(true),
    });
  return (
    <span className="row-buttons">
      {busy && (
        <Button size="small" danger onClick={ask}>
          Force
        </Button>
      )}
      <Button
        size="small"
        loading={unmount.isPending || mount.state === "Unmounting"}
        onClick={() => unmount.mutate(false)}
      >
        {busy ? "Try again" : isThere(mount) ? "Unmount" : "Remove"}
      </Button>
    </span>
  );
}
