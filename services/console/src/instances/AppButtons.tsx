/** VS Code in the browser, and the other apps of an instance as a menu. */
import { AppstoreOutlined } from "@ant-design/icons";
import { Button, Dropdown } from "antd";

import type { AppLink, Instance } from "../api/models";
import { appUrl } from "./links";

const NEW_TAB = { target: "_blank", rel: "noopener" };

export function VscodeButton({ instance, app }: { instance: Instance; app: AppLink }) {
  return (
    <Button role="button" icon={<VscodeMark />} href={appUrl(instance, app)} {...NEW_TAB}>
      VS Code
    </Button>
  );
}

interface AppsProps {
  instance: Instance;
  apps: AppLink[];
  wide: boolean;
}

export function AppsMenu({ instance, apps, wide }: AppsProps) {
  const items = apps.map((app) => ({
    key: app.name,
    label: (
      <a href={appUrl(instance, app)} {...NEW_TAB}>
        {app.title}
      </a>
    ),
  }));
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button
        type={wide ? "default" : "text"}
        aria-label="Apps"
        title={wide ? undefined : "Apps"}
        icon={<AppstoreOutlined aria-hidden />}
      >
        {wide ? "Apps" : undefined}
      </Button>
    </Dropdown>
  );
}

/** Angle brackets around a slash: an editor of code. */
function VscodeMark() {
  return (
    <svg viewBox="0 0 16 16" width="1em" height="1em" aria-hidden="true">
      <path
        d="M5 4 1.5 8 5 12M11 4l3.5 4L11 12M9.2 3 6.8 13"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
