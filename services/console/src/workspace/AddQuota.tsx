/** Lets a platform administrator give a workspace a part of one more resource group. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";

import type { QuotaView, ResourceGroup } from "../api/models";

interface Props {
  /** Of which the workspace may use nothing yet. */
  groups: readonly ResourceGroup[];
  onChoose: (view: QuotaView) => void;
}

export function AddQuota({ groups, onChoose }: Props) {
  return (
    <div className="row-buttons">
      {groups.map(({ name }) => (
        <Button
          key={name}
          icon={<PlusOutlined aria-hidden />}
          onClick={() => onChoose({ resource_group: name, quota: {}, used: {} })}
        >
          Give a quota in {name}
        </Button>
      ))}
    </div>
  );
}
