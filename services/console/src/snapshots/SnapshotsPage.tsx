/** The snapshots that run or have ended, with what became of them. */
import { Button } from "antd";

import type { Instance, Snapshot } from "../api/models";
import { useInstances, useSnapshots } from "../api/queries";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { formatDuration } from "../common/format";
import { PageTitle } from "../common/PageTitle";
import { newestFirst } from "../images/order";
import { EverybodySwitch } from "../shell/EverybodySwitch";
import { useUser } from "../shell/me";
import { goTo, hrefOf } from "../shell/route";
import { isShown, useScope } from "../shell/scope";
import { SnapshotStatus } from "./SnapshotLine";

export function SnapshotsPage() {
  const me = useUser();
  const scope = useScope();
  const list = useSnapshots(scope.everybody ? "everybody" : "own");
  const instances = useInstances(scope.everybody ? "everybody" : "own").data ?? [];
  const shown = list.data?.filter((item) => isShown(scope, item.workspace_id)).sort(newestFirst);
  return (
    <>
      <PageTitle
        title="Snapshots"
        text="Each time an instance was saved as an image: how far it is, and what became of it."
      >
        <EverybodySwitch />
      </PageTitle>
      <DataTable
        label="Snapshots"
        columns={columns(instances, me.name)}
        items={shown}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(snapshot) => snapshot.id}
        rowProps={({ id, name, state }) => ({
          "aria-label": name,
          "data-testid": `snapshot-row-${id}`,
          "data-state": state,
        })}
        empty={
          <Empty
            title="Nothing saved yet"
            text="Install what you need in a running instance, then choose “Save as image” in its row. The image keeps it, for you to start more instances from."
          >
            <Button onClick={() => goTo("instances")}>Show my instances</Button>
          </Empty>
        }
      />
    </>
  );
}

function columns(instances: readonly Instance[], user: string): Column<Snapshot>[] {
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  return [
    {
      key: "name",
      title: "Image name",
      width: "26%",
      render: ({ name, description, owner, automatic }) => (
        <>
          <span className="title">{name}</span>
          {owner !== user && <span className="sub">{owner}</span>}
          {automatic && <span className="sub">saved at a stop</span>}
          {description && <span className="sub">{description}</span>}
        </>
      ),
    },
    {
      key: "state",
      title: "State",
      render: (snapshot) => <SnapshotStatus snapshot={snapshot} />,
    },
    {
      key: "instance",
      title: "Instance",
      width: "20%",
      render: ({ instance_id: id }) => {
        const instance = byId.get(id);
        if (!instance) return <span className="quiet">deleted</span>;
        return <a href={hrefOf("instances", id)}>{instance.display_name}</a>;
      },
    },
    { key: "started", title: "Started", width: "9em", render: ({ created_at }) => <Ago at={created_at} /> },
    { key: "took", title: "Took", width: "7em", render: took },
  ];
}

function took({ created_at, ended_at }: Snapshot) {
  if (!ended_at) return <span className="quiet">runs</span>;
  return formatDuration(Date.parse(ended_at) - Date.parse(created_at));
}
