/** The list of the user's instances, and the dialogs that belong to it. */
import { PlusOutlined } from "@ant-design/icons";
import { Button, Input } from "antd";
import { useState } from "react";

import type { Instance } from "../api/models";
import { useInstances, useSnapshots } from "../api/queries";
import { DataTable } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { PageTitle } from "../common/PageTitle";
import { newestFirst } from "../images/lineage";
import { useUser } from "../shell/me";
import { goTo, useRoute } from "../shell/route";
import { SaveDialog } from "../snapshots/SaveDialog";
import { ChangeDialog } from "./ChangeDialog";
import { instanceColumns } from "./columns";
import { CreateDrawer } from "./CreateDrawer";
import { DetailsDrawer } from "./DetailsDrawer";
import { isStarting, isUp } from "./states";
import { useInstanceActions } from "./useInstanceActions";

const SEARCH_FROM = 6;

type Dialog = { kind: "change" | "save"; id: string };

export function InstancesPage() {
  const me = useUser();
  const route = useRoute();
  const list = useInstances();
  const snapshots = useSnapshots();
  const actions = useInstanceActions();
  const [dialog, setDialog] = useState<Dialog>();
  const [search, setSearch] = useState("");

  // The live stream of an administrator also carries the instances of others.
  const mine = list.data?.filter((instance) => instance.owner === me.name).sort(newestFirst);
  const shown = mine?.filter((instance) => matches(instance, search));
  const find = (id: string | undefined) => mine?.find((instance) => instance.id === id);
  const inDialog = find(dialog?.id);
  const close = () => goTo("instances");
  const open = (kind: Dialog["kind"], { id }: Instance) => setDialog({ kind, id });
  const columns = instanceColumns({
    actions,
    isolated: me.isolated,
    snapshots: snapshots.data ?? [],
    onChange: (instance) => open("change", instance),
    onSave: (instance) => open("save", instance),
  });

  return (
    <>
      <PageTitle title="Instances" text={summary(mine)}>
        {(mine?.length ?? 0) >= SEARCH_FROM && (
          <Input.Search
            allowClear
            className="search"
            placeholder="Search"
            aria-label="Search instances"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => goTo("instances", "new")}>
          New instance
        </Button>
      </PageTitle>
      <DataTable
        label="Instances"
        columns={columns}
        items={shown}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(instance) => instance.id}
        rowProps={(instance) => ({
          "aria-label": instance.display_name,
          "data-testid": `instance-row-${instance.name}`,
          "data-state": instance.state,
        })}
        empty={<Nothing searched={Boolean(mine?.length)} />}
      />
      {route.id === "new" && <CreateDrawer image={route.extra} onClose={close} />}
      {route.id && route.id !== "new" && (
        <DetailsDrawer
          id={route.id}
          instance={find(route.id)}
          isKnown={list.isSuccess}
          isolated={me.isolated}
          onChange={(instance) => open("change", instance)}
          onSave={(instance) => open("save", instance)}
          onClose={close}
        />
      )}
      {inDialog && dialog?.kind === "change" && (
        <ChangeDialog instance={inDialog} onClose={() => setDialog(undefined)} />
      )}
      {inDialog && dialog?.kind === "save" && (
        <SaveDialog instance={inDialog} onClose={() => setDialog(undefined)} />
      )}
    </>
  );
}

function Nothing({ searched }: { searched: boolean }) {
  if (searched) return <Empty title="Nothing found" text="No instance has this text in its name, image or state." />;
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

function summary(instances: readonly Instance[] | undefined): string {
  if (!instances?.length) return "Your environments: open, start and stop them, or save one as an image.";
  const up = instances.filter(({ state }) => isUp(state)).length;
  const starting = instances.filter(({ state }) => isStarting(state)).length;
  const parts = [`${up} running`];
  if (starting) parts.push(`${starting} starting`);
  parts.push(`${instances.length} in all`);
  return parts.join(" · ");
}

function matches(instance: Instance, search: string): boolean {
  const { name, display_name, image_name, state, spec } = instance;
  const text = [name, display_name, image_name, state, spec.name].join(" ").toLowerCase();
  return text.includes(search.trim().toLowerCase());
}
