/** One workspace: what it allows, who is in it, what it may use and what happened; without a choice, the list. */
import { Button, Tabs } from "antd";
import { useEffect } from "react";

import type { Action, Workspace } from "../api/models";
import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { AuditTab } from "../records/AuditTab";
import { UsageTab } from "../records/UsageTab";
import { goTo, usePageRoute } from "../shell/route";
import { useScope } from "../shell/scope";
import { CodeSourcesTab } from "./CodeSourcesTab";
import { CredentialsTab } from "./CredentialsTab";
import { MembersTab } from "./MembersTab";
import { OverviewTab } from "./OverviewTab";
import { QuotasTab } from "./QuotasTab";
import { may } from "./rights";
import { RolesTab } from "./RolesTab";
import { WorkspaceList } from "./WorkspaceList";

interface Tab {
  key: string;
  label: string;
  needs: Action;
  View: (props: { workspace: Workspace }) => React.ReactNode;
}

const TABS: Tab[] = [
  { key: "overview", label: "Overview", needs: "workspace.read", View: OverviewTab },
  { key: "members", label: "Members", needs: "member.read", View: MembersTab },
  { key: "roles", label: "Roles", needs: "member.read", View: RolesTab },
  { key: "quotas", label: "Quotas", needs: "quota.read", View: QuotasTab },
  { key: "code", label: "Code sources", needs: "code.read", View: CodeSourcesTab },
  { key: "credentials", label: "Credentials", needs: "image.add", View: CredentialsTab },
  { key: "usage", label: "Usage", needs: "usage.read.own", View: UsageTab },
  { key: "audit", label: "Audit", needs: "audit.read", View: AuditTab },
];

export function WorkspacePage() {
  const { id: name, extra: tab } = usePageRoute("workspace");
  const { workspaces, chosen, choose } = useScope();
  const workspace = name === undefined ? chosen : workspaces.find((item) => item.name === name);
  const id = workspace?.id;
  // Who comes by a link with a workspace in it has chosen that one.
  useEffect(() => {
    if (id) choose(id);
  }, [id, choose]);
  if (workspace) return <Shown workspace={workspace} tab={tab} />;
  if (name === undefined && workspaces.length > 0) return <WorkspaceList />;
  return (
    <Empty
      title={name === undefined ? "You are in no workspace yet" : "There is no such workspace"}
      text={
        name === undefined
          ? "Ask an administrator to add you to one; it appears here by itself."
          : "It was deleted, or you are not a member of it (any more)."
      }
    >
      {name !== undefined && <Button onClick={() => goTo("workspace")}>Show my workspaces</Button>}
    </Empty>
  );
}

function Shown({ workspace, tab }: { workspace: Workspace; tab: string | undefined }) {
  const tabs = TABS.filter(({ needs }) => may(workspace, needs));
  const active = tabs.find(({ key }) => key === tab) ?? tabs[0];
  return (
    <>
      <PageTitle title={workspace.display_name} text={rolesText(workspace)} />
      <Tabs
        activeKey={active?.key ?? ""}
        onChange={(key) => goTo("workspace", workspace.name, key)}
        items={tabs.map(({ key, label }) => ({ key, label }))}
      />
      {active && <active.View key={workspace.id} workspace={workspace} />}
    </>
  );
}

const rolesText = ({ name, roles, members }: Workspace): string =>
  [name, `your role: ${roles.join(", ")}`, `${members} member${members === 1 ? "" : "s"}`].join(" · ");
