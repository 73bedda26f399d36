/** Stop an instance, as it is set to or with the other choice about saving it. */
import { DownOutlined, StopOutlined } from "@ant-design/icons";
import { Button, Dropdown, Space } from "antd";

import type { Instance } from "../api/models";

interface Props {
  instance: Instance;
  disabled: boolean;
  loading: boolean;
  /** Whether it can be saved as an image. */
  savable: boolean;
  onStop: (save?: boolean) => void;
}

export function StopButton({ instance, disabled, loading, savable, onStop }: Props) {
  const saves = instance.save_on_stop;
  const stop = (
    <Button icon={<StopOutlined aria-hidden />} disabled={disabled} loading={loading} onClick={() => onStop()}>
      Stop
    </Button>
  );
  if (!savable) return stop;
  const other = saves ? "Stop without saving" : "Stop and save as an image";
  const items = [{ key: "other", label: other, onClick: () => onStop(!saves) }];
  return (
    <Space.Compact>
      {stop}
      <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight" disabled={disabled}>
        <Button aria-label="Ways to stop" icon={<DownOutlined aria-hidden />} disabled={disabled} />
      </Dropdown>
    </Space.Compact>
  );
}
