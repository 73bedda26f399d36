/** The frame of the console: who the user is, the live stream, the header and the chosen view. */
import { Button, Result, Skeleton } from "antd";
import { useEffect } from "react";

import { Problem, sentenceOf } from "../api/problem";
import { LiveContext, useMe } from "../api/queries";
import { signIn } from "../api/session";
import { useLive } from "../api/useLive";
import type { Me } from "../api/models";
import { ImagesPage } from "../images/ImagesPage";
import { InstancesPage } from "../instances/InstancesPage";
import { SnapshotsPage } from "../snapshots/SnapshotsPage";
import { Banners } from "./Banners";
import { Header } from "./Header";
import { MeContext } from "./me";
import { useRoute, type Page } from "./route";

const TITLES: Record<Page, string> = {
  instances: "Instances",
  images: "Images",
  snapshots: "Snapshots",
};

export function Console() {
  const me = useMe();
  if (me.data) return <SignedIn me={me.data} />;
  if (me.error) return <NotYet error={me.error} again={() => void me.refetch()} />;
  return (
    <main className="page" aria-busy="true" aria-label="Loading the console">
      <Skeleton active paragraph={{ rows: 6 }} />
    </main>
  );
}

function SignedIn({ me }: { me: Me }) {
  const live = useLive();
  const { page } = useRoute();
  useEffect(() => {
    document.title = `${TITLES[page]} · DSW Workbench`;
  }, [page]);
  return (
    <MeContext value={me}>
      <LiveContext value={live}>
        <Header me={me} page={page} />
        <main className="page" id="content" tabIndex={-1}>
          <Banners me={me} />
          {page === "instances" && <InstancesPage />}
          {page === "images" && <ImagesPage />}
          {page === "snapshots" && <SnapshotsPage />}
        </main>
      </LiveContext>
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
