/** What can be done with an instance, as the buttons of its row. */
import {
  CaretRightOutlined,
  CodeOutlined,
  DeleteOutlined,
  EditOutlined,
  ExportOutlined,
  SaveOutlined,
  StopOutlined,
} from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import type { ReactNode } from "react";

import type { Instance } from "../api/models";
import { labUrl, terminalUrl } from "./links";
import { allowedIn, type Allowed } from "./states";
import type { InstanceActions } from "./useInstanceActions";

interface Props {
  instance: Instance;
  actions: InstanceActions;
  /** Whether instances are containers, which can be saved. */
  isolated: boolean;
  /** Writes out what the icons mean, where there is room. */
  wide?: boolean;
  onChange: () => void;
  onSave: () => void;
}

export function RowButtons({ instance, actions, isolated, wide = false, onChange, onSave }: Props) {
  const can = allowedIn(instance);
  return (
    <div className="row-buttons">
      <MainButton instance={instance} actions={actions} can={can} />
      <Button
        icon={<StopOutlined aria-hidden />}
        disabled={!can.stop}
        loading={can.stop && actions.busy === instance.id}
        onClick={() => actions.stop(instance)}
      >
        Stop
      </Button>
      <span className={wide ? "row-buttons" : "icon-buttons"}>
        <Icon
          label="Terminal"
          wide={wide}
          icon={<CodeOutlined aria-hidden />}
          disabled={!can.open}
          href={terminalUrl(instance)}
        />
        <Icon
          label="Save as image"
          wide={wide}
          hint={isolated ? undefined : "Only containers can be saved as images"}
          icon={<SaveOutlined aria-hidden />}
          disabled={!can.save || !isolated}
          onClick={onSave}
        />
        <Icon
          label="Change"
          wide={wide}
          icon={<EditOutlined aria-hidden />}
          disabled={!can.change}
          onClick={onChange}
        />
        <Icon
          label="Delete"
          wide={wide}
          icon={<DeleteOutlined aria-hidden />}
          disabled={!can.remove}
          onClick={() => actions.remove(instance)}
        />
      </span>
    </div>
  );
}

function MainButton(props: { instance: Instance; actions: InstanceActions; can: Allowed }) {
  const { instance, actions, can } = props;
  if (can.start) {
    return (
      <Button
        icon={<CaretRightOutlined aria-hidden />}
        loading={actions.busy === instance.id}
        onClick={() => actions.start(instance)}
      >
        Start
      </Button>
    );
  }
  return (
    <Button
      type="primary"
      role="button"
      icon={<ExportOutlined aria-hidden />}
      disabled={!can.open}
      {...(can.open ? { href: labUrl(instance), target: "_blank", rel: "noopener" } : {})}
    >
      Open
    </Button>
  );
}

interface IconProps {
  label: string;
  wide: boolean;
  hint?: string | undefined;
  icon: ReactNode;
  disabled: boolean;
  onClick?: () => void;
  href?: string;
}

function Icon({ label, wide, hint, icon, disabled, onClick, href }: IconProps) {
  const link = href && !disabled ? { href, target: "_blank", rel: "noopener" } : {};
  return (
    <Tooltip title={hint ?? (wide ? undefined : label)}>
      <Button
        type={wide ? "default" : "text"}
        aria-label={label}
        icon={icon}
        disabled={disabled}
        {...(onClick ? { onClick } : {})}
        {...link}
      >
        {wide ? label : undefined}
      </Button>
    </Tooltip>
  );
}
