/** The bar at the top: name of the workbench, views, state of the connection, and the user. */
import { DownOutlined, HomeOutlined, KeyOutlined, LogoutOutlined, SettingOutlined } from "@ant-design/icons";
import { Button, Dropdown, Tooltip, type MenuProps } from "antd";
import { useContext } from "react";

import { logoutUrl } from "../api/base";
import type { Me } from "../api/models";
import { LiveContext } from "../api/queries";
import type { StreamState } from "../api/stream";
import { Logo } from "./Logo";
import { hubPage } from "./me";
import { hrefOf, type Page } from "./route";
import { useScope, where } from "./scope";
import { WorkspaceSwitcher } from "./WorkspaceSwitcher";

export const TITLES: Record<Page, string> = {
  instances: "Instances",
  images: "Images",
  datasets: "Datasets",
  snapshots: "Snapshots",
  queue: "Queue",
  workspace: "Workspace",
  platform: "Platform",
  "ssh-keys": "SSH keys",
};

export function Header({ me, page }: { me: Me; page: Page }) {
  const views = useViews(me);
  return (
    <header className="header">
      <a className="skip" href="#content" onClick={focusContent}>
        Skip to the content
      </a>
      <a className="brand" href={hrefOf("instances")}>
        <Logo />
        <span className="brand-name">DSW Workbench</span>
      </a>
      <nav className="views" aria-label="Views">
        {views.map((view) => (
          <a key={view} href={hrefOf(view)} aria-current={view === page ? "page" : undefined}>
            {TITLES[view]}
          </a>
        ))}
      </nav>
      <WorkspaceSwitcher />
      <LiveMark />
      <UserMenu me={me} />
    </header>
  );
}

function useViews(me: Me): Page[] {
  const queues = where(useScope(), "queue.read").length > 0;
  const views: Page[] = ["instances", "images", "datasets", "snapshots"];
  if (queues) views.push("queue");
  views.push("workspace");
  if (me.admin) views.push("platform");
  return views;
}

const LIVE_TEXT: Record<StreamState, [label: string, hint: string]> = {
  live: ["Live", "Changes appear as they happen."],
  connecting: ["Connecting", "The live connection is being opened."],
  lost: ["Every few seconds", "The live connection is broken; the page asks for changes instead."],
};

function LiveMark() {
  const state = useContext(LiveContext);
  const [label, hint] = LIVE_TEXT[state];
  return (
    <Tooltip title={hint}>
      <span className="live" data-state={state} role="status">
        <span className="dot" aria-hidden="true" />
        <span className="live-text">{label}</span>
      </span>
    </Tooltip>
  );
}

function UserMenu({ me }: { me: Me }) {
  const items: MenuProps["items"] = [
    link("ssh-keys", TITLES["ssh-keys"], hrefOf("ssh-keys"), <KeyOutlined aria-hidden />),
    link("home", "Hub home", hubPage(me, "home"), <HomeOutlined aria-hidden />),
    ...(me.admin ? [link("admin", "Hub administration", hubPage(me, "admin"), <SettingOutlined aria-hidden />)] : []),
    { type: "divider" },
    link("logout", "Log out", logoutUrl(), <LogoutOutlined aria-hidden />),
    { type: "divider" },
    { key: "version", disabled: true, label: `Version ${me.version}, engine ${me.engine}` },
  ];
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button type="text" className="user" aria-label={`Account of ${me.name}`}>
        <span className="avatar" aria-hidden="true">
          {me.name.slice(0, 1).toUpperCase()}
        </span>
        <span className="user-name">{me.name}</span>
        <DownOutlined aria-hidden className="user-more" />
      </Button>
    </Dropdown>
  );
}

function link(key: string, label: string, href: string, icon: React.ReactNode) {
  return { key, icon, label: <a href={href}>{label}</a> };
}

function focusContent(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
