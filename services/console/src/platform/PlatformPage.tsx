/** What platform administrators look after: all workspaces, resource groups, use and the audit log. */
import { Tabs } from "antd";

import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { AuditTab } from "../records/AuditTab";
import { UsageTab } from "../records/UsageTab";
import { useUser } from "../shell/me";
import { goTo, usePageRoute } from "../shell/route";
import { GroupsTab } from "./GroupsTab";
import { WorkspacesTab } from "./WorkspacesTab";

const TABS = [
  { key: "workspaces", label: "Workspaces", View: WorkspacesTab },
  { key: "groups", label: "Resource groups", View: GroupsTab },
  { key: "usage", label: "Usage", View: UsageTab },
  { key: "audit", label: "Audit", View: AuditTab },
];

export function PlatformPage() {
  const { admin } = useUser();
  const { id } = usePageRoute("platform");
  if (!admin) {
    return <Empty title="This page is for platform administrators" text="Your workspaces have pages of their own." />;
  }
  const active = TABS.find(({ key }) => key === id) ?? TABS[0]!;
  return (
    <>
      <PageTitle title="Platform" text="All workspaces of this workbench, and what they share." />
      <Tabs
        activeKey={active.key}
        onChange={(key) => goTo("platform", key)}
        items={TABS.map(({ key, label }) => ({ key, label }))}
      />
      <active.View />
    </>
  );
}
