/** What can be done with an instance, as the buttons of its row; what the user may not do is not there. */
import {
  ApiOutlined,
  CaretRightOutlined,
  CodeOutlined,
  DeleteOutlined,
  EditOutlined,
  ExportOutlined,
  SaveOutlined,
  ShareAltOutlined,
} from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import type { ReactNode } from "react";

import type { Instance } from "../api/models";
import type { InstanceRights } from "../workspace/rights";
import { AppsMenu, VscodeButton } from "./AppButtons";
import { appsFor } from "./apps";
import type { DialogKind } from "./InstanceDialogs";
import { labUrl, terminalUrl } from "./links";
import { allowedIn, type Allowed } from "./states";
import { StopButton } from "./StopButton";
import type { InstanceActions } from "./useInstanceActions";

interface Props {
  instance: Instance;
  rights: InstanceRights;
  actions: InstanceActions;
  /** Whether instances are containers, which can be saved. */
  isolated: boolean;
  /** Writes out what the icons mean, where there is room. */
  wide?: boolean;
  onOpen: (dialog: DialogKind) => void;
}

export function RowButtons({ instance, rights, actions, isolated, wide = false, onOpen }: Props) {
  const can = allowedIn(instance);
  const apps = appsFor(instance, rights);
  return (
    <div className="row-buttons">
      <span className="main-buttons">
        <MainButton instance={instance} rights={rights} actions={actions} can={can} />
        {apps.vscode && <VscodeButton instance={instance} app={apps.vscode} />}
        {rights.manage && (
          <StopButton
            instance={instance}
            disabled={!can.stop}
            loading={can.stop && actions.busy === instance.id}
            savable={isolated && rights.save && can.stop}
            onStop={(save) => actions.stop(instance, save)}
          />
        )}
      </span>
      <span className={wide ? "row-buttons" : "icon-buttons"}>
        {rights.terminal && (
          <Icon
            label="Terminal"
            wide={wide}
            icon={<CodeOutlined aria-hidden />}
            disabled={!can.open}
            href={terminalUrl(instance)}
          />
        )}
        {apps.others.length > 0 && <AppsMenu instance={instance} apps={apps.others} wide={wide} />}
        {rights.terminal && (
          <Icon
            label="Connect"
            wide={wide}
            icon={<ApiOutlined aria-hidden />}
            disabled={!can.remove}
            onClick={() => onOpen("connect")}
          />
        )}
        {rights.save && (
          <Icon
            label="Save as image"
            wide={wide}
            hint={isolated ? undefined : "Only containers can be saved as images"}
            icon={<SaveOutlined aria-hidden />}
            disabled={!can.save || !isolated}
            onClick={() => onOpen("save")}
          />
        )}
        {rights.share && (
          <Icon
            label="Share"
            wide={wide}
            icon={<ShareAltOutlined aria-hidden />}
            disabled={!can.remove}
            onClick={() => onOpen("share")}
          />
        )}
        {rights.manage && (
          <>
            <Icon
              label="Change"
              wide={wide}
              icon={<EditOutlined aria-hidden />}
              disabled={!can.change}
              onClick={() => onOpen("change")}
            />
            <Icon
              label="Delete"
              wide={wide}
              icon={<DeleteOutlined aria-hidden />}
              disabled={!can.remove}
              onClick={() => actions.remove(instance)}
            />
          </>
        )}
      </span>
    </div>
  );
}

type MainProps = Pick<Props, "instance" | "rights" | "actions"> & { can: Allowed };

function MainButton({ instance, rights, actions, can }: MainProps) {
  if (rights.manage && can.start) {
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
  if (!rights.open) return null;
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
