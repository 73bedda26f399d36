/** The frame of the console: who the user is and where, the live stream, the header and the view. */
import { Button, Result, Skeleton } from "antd";
import { useEffect } from "react";

import type { Me, Workspace } from "../api/models";
import { Problem, sentenceOf } from "../api/problem";
import { LiveContext, useMe, useWorkspaces } from "../api/queries";
import { signIn } from "../api/session";
import { useLive } from "../api/useLive";
import { DatasetsPage } from "../datasets/DatasetsPage";
import { ImagesPage } from "../images/ImagesPage";
import { InstancesPage } from "../instances/InstancesPage";
import { PlatformPage } from "../platform/PlatformPage";
import { QueuePage } from "../queue/QueuePage";
import { SnapshotsPage } from "../snapshots/SnapshotsPage";
import { KeysPage } from "../ssh/KeysPage";
import { WorkspacePage } from "../workspace/WorkspacePage";
import { Banners } from "./Banners";
import { Header, TITLES } from "./Header";
import { MeContext } from "./me";
import { useRoute, type Page } from "./route";
import { ScopeContext, useScopeState } from "./scope";

const OF_NO_WORKSPACE: ReadonlySet<Page> = new Set(["platform", "ssh-keys"]);

export function Console() {
  const me = useMe();
  const workspaces = useWorkspaces(me.isSuccess);
  const failed = me.data ? workspaces : me;
  if (me.data && workspaces.data) return <SignedIn me={me.data} workspaces={workspaces.data} />;
  if (failed.error) return <NotYet error={failed.error} again={() => void failed.refetch()} />;
  return (
    <main className="page" aria-busy="true" aria-label="Loading the console">
      <Skeleton active paragraph={{ rows: 6 }} />
    </main>
  );
}

function SignedIn({ me, workspaces }: { me: Me; workspaces: Workspace[] }) {
  const scope = useScopeState(me.name, workspaces);
  const live = useLive(scope.everybody);
  const { page } = useRoute();
  useEffect(() => {
    document.title = `${TITLES[page]} · DSW Workbench`;
  }, [page]);
  return (
    <MeContext value={me}>
      <ScopeContext value={scope}>
        <LiveContext value={live}>
          <Header me={me} page={page} />
          <main className="page" id="content" tabIndex={-1}>
            <Banners me={me} workspace={OF_NO_WORKSPACE.has(page) ? undefined : scope.chosen} />
            {page === "instances" && <InstancesPage />}
            {page === "images" && <ImagesPage />}
            {page === "datasets" && <DatasetsPage />}
            {page === "snapshots" && <SnapshotsPage />}
            {page === "queue" && <QueuePage />}
            {page === "workspace" && <WorkspacePage />}
            {page === "platform" && <PlatformPage />}
            {page === "ssh-keys" && <KeysPage />}
          </main>
        </LiveContext>
      </ScopeContext>
    </MeContext>
  );
}

function NotYet({ error, again }: { error: Error; again: () => void }) {
  const signedOut = error instanceof Problem && error.isSignedOut;
  const action = signedOut ? signIn : again;
  return (
    <main className="page">
      <Result
        status="warning"
        title={signedOut ? "You are signed out" : "The console cannot be shown yet"}
        subTitle={signedOut ? sentenceOf(error) : `${sentenceOf(error)} This page also tries by itself.`}
        extra={
          <Button type="primary" onClick={action}>
            {signedOut ? "Sign in" : "Try again"}
          </Button>
        }
      />
    </main>
  );
}
