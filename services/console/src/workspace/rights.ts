/** What the user may do where: the actions that the server gives, never the names of roles. Pure. */
import type { Action, CodeSource, Dataset, Image, Instance, Me, Workspace } from "../api/models";

export const may = (workspace: Pick<Workspace, "actions"> | undefined, action: Action): boolean =>
  workspace?.actions.includes(action) ?? false;

export interface InstanceRights {
  /** Open it in the browser, and with `full` access its terminal, apps and ports too. */
  open: boolean;
  terminal: boolean;
  ssh: boolean;
  /** Start, stop, change and delete it. */
  manage: boolean;
  save: boolean;
  share: boolean;
  /** Mount and unmount datasets in it while it runs. */
  mount: boolean;
  /** Read what happened to it; to open what is shared does not include that. */
  history: boolean;
}

export function rightsOnInstance(
  instance: Pick<Instance, "owner" | "access">,
  me: Pick<Me, "name">,
  workspace: Workspace | undefined,
): InstanceRights {
  const own = instance.owner === me.name;
  const manage = may(workspace, own ? "instance.use.own" : "instance.manage.all");
  const terminal = own ? workspace !== undefined : instance.access === "full";
  return {
    open: own ? workspace !== undefined : instance.access != null,
    terminal,
    ssh: terminal && may(workspace, "instance.ssh"),
    manage,
    save: manage && may(workspace, "snapshot.own"),
    share: own ? may(workspace, "instance.share.own") : manage,
    mount: own && may(workspace, "mount.own"),
    history: own ? workspace !== undefined : manage || may(workspace, "instance.read.all"),
  };
}

export interface ImageRights {
  change: boolean;
  remove: boolean;
  /** Let everybody see it, or end that. */
  publish: boolean;
  check: boolean;
  /** Take it out as a file; the operator has what an official one was built from. */
  take: boolean;
}

/** `workspace` is that of the image; official images have none and are kept by the operator. */
export function rightsOnImage(
  image: Pick<Image, "owner" | "source" | "visibility" | "retired_at">,
  me: Pick<Me, "name" | "admin">,
  workspace: Workspace | undefined,
): ImageRights {
  const official = image.source === "official";
  const offered = image.retired_at == null;
  const own = image.owner === me.name;
  const publish = !official && may(workspace, "image.publish");
  const keeps = !official && offered && may(workspace, own ? "image.add" : "image.change");
  return {
    change: keeps && (image.visibility !== "public" || publish),
    remove: !official && offered && may(workspace, own ? "image.delete.own" : "image.delete"),
    publish,
    check: official ? offered && me.admin : keeps,
    take: !official && offered && may(workspace, "image.add"),
  };
}

export interface DatasetRights {
  /** Change, publish to the workspace, give it a new version, retire it. */
  change: boolean;
  /** Let everybody see it, or end that. */
  publish: boolean;
}

/** `workspace` is that of the dataset; what everybody sees is changed by administrators only. */
export function rightsOnDataset(
  dataset: Pick<Dataset, "owner" | "visibility" | "retired_at">,
  me: Pick<Me, "name" | "admin">,
  workspace: Workspace | undefined,
): DatasetRights {
  const own = dataset.owner === me.name;
  const keeps = dataset.retired_at == null && may(workspace, own ? "dataset.add" : "dataset.manage");
  return { change: keeps && (dataset.visibility !== "public" || me.admin), publish: me.admin };
}

export const mayDeleteCode = (
  source: Pick<CodeSource, "owner">,
  me: Pick<Me, "name">,
  workspace: Workspace,
): boolean => may(workspace, source.owner === me.name ? "code.add" : "code.manage");
