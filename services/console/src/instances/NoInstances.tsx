/** What stands in the place of an empty list of instances. */
import { Button } from "antd";

import { Empty } from "../common/Empty";
import { goTo } from "../shell/route";
import { useScope } from "../shell/scope";

interface Props {
  /** Whether there are instances, of which none fits the search. */
  searched: boolean;
  mayCreate: boolean;
}

export function NoInstances({ searched, mayCreate }: Props) {
  const { workspaces, chosen } = useScope();
  if (searched) {
    return <Empty title="Nothing found" text="No instance has this text in its name, owner, image or state." />;
  }
  if (workspaces.length === 0) {
    return (
      <Empty
        title="You are in no workspace yet"
        text="A workspace is a team with its images and quotas. Ask an administrator to add you to one; it appears here by itself."
      />
    );
  }
  if (!mayCreate) {
    const here = chosen ? `in “${chosen.display_name}”` : "in your workspaces";
    return (
      <Empty title="No instance here" text={`Your role ${here} does not run instances. What others share with you appears here.`} />
    );
  }
  return (
    <Empty
      title="No instance yet"
      text="An instance is your own environment with JupyterLab and a terminal. Choose what it starts from and its size; it is ready in seconds, and your files outlive it."
    >
      <Button type="primary" size="large" onClick={() => goTo("instances", "new")}>
        Create your first instance
      </Button>
    </Empty>
  );
}
