/** The drawer for a new instance: reads what the form offers. */
import { Drawer } from "antd";

import { useImages, useInstances, useSpecs } from "../api/queries";
import { Empty } from "../common/Empty";
import { Loaded } from "../common/Loaded";
import { useScope, where } from "../shell/scope";
import { CreateForm } from "./CreateForm";

interface Props {
  /** Image to start from, when the user came from one. */
  image: string | undefined;
  onClose: () => void;
}

export function CreateDrawer({ image, onClose }: Props) {
  const scope = useScope();
  const specs = useSpecs();
  const images = useImages(scope.chosen?.id);
  const mine = useInstances().data ?? [];
  const workspaces = where({ chosen: undefined, workspaces: scope.workspaces }, "instance.use.own");
  const origin = images.data?.find((item) => item.id === image)?.workspace_id;
  const first = [origin, scope.chosen?.id].find((id) => workspaces.some((item) => item.id === id));
  return (
    <Drawer open title="New instance" size="min(680px, 100vw)" onClose={onClose} className="create">
      {workspaces.length === 0 ? (
        <Empty
          title="You cannot run instances yet"
          text="No workspace gives you a role that allows it. Ask an administrator of one to add you."
        />
      ) : (
        <Loaded query={images}>
          {() => (
            <Loaded query={specs}>
              {(sizes) => (
                <CreateForm
                  specs={sizes}
                  workspaces={workspaces}
                  taken={mine.map((instance) => instance.name)}
                  workspace={first ?? workspaces[0]?.id}
                  image={image}
                  onDone={onClose}
                />
              )}
            </Loaded>
          )}
        </Loaded>
      )}
    </Drawer>
  );
}
