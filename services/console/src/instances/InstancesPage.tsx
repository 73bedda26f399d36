/** The list of instances, and the drawers and dialogs that belong to it. */
import { PlusOutlined } from "@ant-design/icons";
import { Button, Input } from "antd";
import { useState } from "react";

import type { Instance } from "../api/models";
import { useSnapshots } from "../api/queries";
import { DataTable } from "../common/DataTable";
import { PageTitle } from "../common/PageTitle";
import { EverybodySwitch } from "../shell/EverybodySwitch";
import { useUser } from "../shell/me";
import { goTo, usePageRoute } from "../shell/route";
import { isShown, useScope, where } from "../shell/scope";
import { rightsOnInstance } from "../workspace/rights";
import { instanceColumns } from "./columns";
import { CreateDrawer } from "./CreateDrawer";
import { DetailsDrawer } from "./DetailsDrawer";
import { InstanceDialogs, type DialogKind } from "./InstanceDialogs";
import { NoInstances } from "./NoInstances";
import { matches } from "./shown";
import { isStarting, isUp } from "./states";
import { useInstanceActions } from "./useInstanceActions";
import { useShownInstances } from "./useShownInstances";

const SEARCH_FROM = 6;

export function InstancesPage() {
  const me = useUser();
  const scope = useScope();
  const route = usePageRoute("instances");
  const list = useShownInstances();
  const snapshots = useSnapshots(scope.everybody ? "everybody" : "own");
  const actions = useInstanceActions();
  const [dialog, setDialog] = useState<{ kind: DialogKind; id: string }>();
  const [search, setSearch] = useState("");

  const here = list.instances?.filter((instance) => isShown(scope, instance.workspace_id));
  const find = (id: string | undefined) => list.instances?.find((instance) => instance.id === id);
  const workspaceOf = ({ workspace_id: id }: Instance) => scope.workspaces.find((item) => item.id === id);
  const rights = (instance: Instance) => rightsOnInstance(instance, me, workspaceOf(instance));
  const mayCreate = where(scope, "instance.use.own").length > 0;
  const inDialog = find(dialog?.id);
  const close = () => goTo("instances");
  const onOpen = (kind: DialogKind, { id }: Instance) => setDialog({ kind, id });
  const columns = instanceColumns({
    actions,
    isolated: me.isolated,
    snapshots: snapshots.data ?? [],
    rights,
    user: me.name,
    workspaceOf: scope.chosen ? undefined : workspaceOf,
    onOpen,
  });

  return (
    <>
      <PageTitle title="Instances" text={summary(here)}>
        <EverybodySwitch />
        {(here?.length ?? 0) >= SEARCH_FROM && (
          <Input.Search
            allowClear
            className="search"
            placeholder="Search"
            aria-label="Search instances"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
        {mayCreate && (
          <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => goTo("instances", "new")}>
            New instance
          </Button>
        )}
      </PageTitle>
      <DataTable
        label="Instances"
        columns={columns}
        items={here?.filter((instance) => matches(instance, search))}
        error={list.error}
        again={list.again}
        keyOf={(instance) => instance.id}
        rowProps={(instance) => ({
          "aria-label": instance.display_name,
          "data-testid": `instance-row-${instance.name}`,
          "data-state": instance.state,
        })}
        empty={<NoInstances searched={Boolean(here?.length)} mayCreate={mayCreate} />}
      />
      {route.id === "new" && <CreateDrawer image={route.extra} onClose={close} />}
      {route.id && route.id !== "new" && (
        <DetailsDrawer
          id={route.id}
          listed={find(route.id)}
          rights={rights}
          onOpen={onOpen}
          onClose={close}
        />
      )}
      {inDialog && dialog && (
        <InstanceDialogs kind={dialog.kind} instance={inDialog} onClose={() => setDialog(undefined)} />
      )}
    </>
  );
}

function summary(instances: readonly Instance[] | undefined): string {
  if (!instances?.length) return "Your environments: open, start and stop them, or save one as an image.";
  const up = instances.filter(({ state }) => isUp(state)).length;
  const waiting = instances.filter(({ state }) => state === "Queuing").length;
  const starting = instances.filter(({ state }) => isStarting(state)).length - waiting;
  const parts = [`${up} running`];
  if (starting) parts.push(`${starting} starting`);
  if (waiting) parts.push(`${waiting} waiting`);
  parts.push(`${instances.length} in all`);
  return parts.join(" · ");
}
