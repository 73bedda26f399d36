/** With whom an instance is shared, inside its workspace: add, change, end. */
import { useQuery } from "@tanstack/react-query";
import { Button, Modal, Select, Tag } from "antd";

import { calls } from "../api/calls";
import type { Access, Instance, Share } from "../api/models";
import { Loaded } from "../common/Loaded";
import { useAction } from "../common/useAction";
import { AddShare } from "./AddShare";

const WAITING_MS = 1_500;
const NOT_YET =
  "A share is in effect once the instance runs, from an image that can tell viewers from others; those of this workbench can.";

export function ShareDialog({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const shares = useQuery({
    queryKey: ["shares", instance.id],
    queryFn: ({ signal }) => calls.shares(instance.id, signal),
    refetchInterval: ({ state }) => (state.data?.some((share) => !share.active) ? WAITING_MS : false),
  });
  return (
    <Modal
      open
      width="min(640px, 100vw - 32px)"
      title={`Share “${instance.display_name}”`}
      onCancel={onClose}
      footer={<Button onClick={onClose}>Close</Button>}
    >
      <p className="quiet">
        Those you share it with open it from their own list. With full access they use your files in{" "}
        <code>/mnt/workspace</code> as you do, so share it with whom you trust. Ending a share shuts
        them out within seconds.
      </p>
      <Loaded query={shares}>
        {(items) => (
          <>
            {items.length > 0 && (
              <ul className="shares" aria-label="Shares">
                {items.map((share) => (
                  <ShareLine key={share.id} share={share} />
                ))}
              </ul>
            )}
            {items.some((share) => !share.active) && <p className="quiet">{NOT_YET}</p>}
            <AddShare instance={instance} shares={items} />
          </>
        )}
      </Loaded>
    </Modal>
  );
}

function ShareLine({ share }: { share: Share }) {
  const who = share.user ?? "Everybody in the workspace";
  const change = useAction({
    run: (access: Access) => calls.putShare(share.instance_id, { user: share.user ?? null, access }),
    lists: ["shares"],
    refused: () => `The access of ${who} was not changed`,
  });
  const end = useAction({
    run: () => calls.endShare(share.instance_id, share.id),
    lists: ["shares"],
    refused: () => `The share with ${who} was not ended`,
  });
  return (
    <li>
      <strong className="grow">{who}</strong>
      {!share.active && <Tag>not in effect yet</Tag>}
      <Select<Access>
        size="small"
        aria-label={`Access of ${who}`}
        value={share.access}
        loading={change.isPending}
        onChange={(access) => change.mutate(access)}
        options={[
          { value: "view", label: "View" },
          { value: "full", label: "Full" },
        ]}
      />
      <Button size="small" loading={end.isPending} onClick={() => end.mutate(undefined)}>
        End
      </Button>
    </li>
  );
}
