/** The table of what roles allow: its rows in words, by what they are about. Pure. */
import type { Action, Role, Workspace } from "../api/models";

/** Each action as something that somebody may do. */
export const ACTIONS: Record<Action, string> = {
  "me.read": "See who one is",
  "ssh-key.own": "Keep one's SSH keys",
  "workspace.read": "See the workspace",
  "workspace.change": "Change title and description",
  "policy.change": "Change the policy",
  "member.read": "See members and roles",
  "member.manage": "Add, change and remove members",
  "role.manage": "Make and change roles",
  "quota.read": "See quotas and their use",
  "cap.change": "Change caps of members and roles",
  "spec.list": "See sizes and resource groups",
  "image.read": "See the images",
  "image.add": "Add images, change one's own",
  "image.change": "Change others' images",
  "image.delete.own": "Delete one's own images",
  "image.delete": "Delete others' images",
  "credential.manage": "Store and delete credentials",
  "code.read": "See code sources",
  "code.add": "Add code sources, delete one's own",
  "code.manage": "Delete others' code sources",
  "dataset.read": "See datasets and their files",
  "dataset.add": "Register datasets, change one's own",
  "dataset.write": "Write into datasets, where one's role may",
  "dataset.manage": "Change and retire others' datasets",
  "instance.use.own": "Have and run instances",
  "instance.share.own": "Share one's instances",
  "instance.ssh": "Enter instances by SSH",
  "instance.read.all": "See everybody's instances",
  "instance.manage.all": "Start, stop and change everybody's instances",
  "mount.own": "Mount datasets in one's instances",
  "snapshot.own": "Save instances as images",
  "queue.read": "See the queue",
  "queue.manage": "Change the order of the queue",
  "usage.read.own": "See one's own use",
  "usage.read": "See everybody's use",
  "audit.read": "Read the audit log",
  "workspace.create": "Create workspaces",
  "workspace.archive": "Archive and delete workspaces",
  "quota.change": "Change quotas",
  "image.publish": "Publish images to everybody",
  "dataset.publish": "Publish datasets to everybody",
  "platform.read": "See the whole platform",
};

const TOPICS: [title: string, kinds: string[]][] = [
  ["Instances", ["instance", "snapshot", "mount"]],
  ["Queue", ["queue"]],
  ["Images", ["image", "credential"]],
  ["Datasets", ["dataset"]],
  ["Code", ["code"]],
  ["Workspace", ["workspace", "policy", "member", "role"]],
  ["Quotas and use", ["quota", "cap", "usage", "audit", "spec"]],
];

export interface Topic {
  title: string;
  actions: Action[];
}

/** What every member may do anyway, and so says nothing about a role. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(["me.read", "ssh-key.own"]);

/** The actions that a role of a workspace can have: those that one of its built-in roles has. */
export function topicsOf(roles: readonly Role[]): Topic[] {
  const possible = new Set(roles.filter(({ builtin }) => builtin).flatMap(({ actions }) => actions));
  const known = Object.keys(ACTIONS) as Action[];
  return TOPICS.map(([title, kinds]) => ({
    title,
    actions: known.filter(
      (action) =>
        possible.has(action) && !SAYS_NOTHING.has(action) && kinds.includes(action.split(".")[0] ?? ""),
    ),
  })).filter(({ actions }) => actions.length > 0);
}

/** Nobody gives what they may not do themselves; control decides, this only shows early. */
export const mayGive = (role: Pick<Role, "actions">, { actions }: Pick<Workspace, "actions">): boolean =>
  role.actions.every((action) => actions.includes(action));

const ROLE_NAME = /^[a-z][a-z0-9-]{0,29}$/;

/** What is wrong with the name of a new role; nothing when it can be used. */
export function roleNameProblem(name: string, roles: readonly Pick<Role, "name">[]): string | undefined {
  if (!ROLE_NAME.test(name)) return "1 to 30 characters of a–z, 0–9 and dashes, beginning with a letter.";
  return roles.some((role) => role.name === name) ? "There is a role of this name." : undefined;
}
