/** What is typed to reach an instance from one's own computer. Pure. */
import type { Instance, Me, SshGateway } from "../api/models";
import { isUp } from "../instances/states";

/** What OpenSSH takes for a user's name; a name of the hub may be more than that. */
const USER_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.+@-]*$/u;
const PLAIN = /^[A-Za-z0-9@%+:,./_-]+$/;

/** A word of a shell's command, quoted where it needs that. */
export const quoted = (word: string): string =>
  PLAIN.test(word) && !word.startsWith("-") ? word : `'${word.replaceAll("'", `'\\''`)}'`;

type Named = Pick<Instance, "id" | "name" | "owner">;
type User = Pick<Me, "name">;

/** How `dsw` and the API call it: by its name, with its owner's where that is somebody else. */
export const called = ({ name, owner }: Named, me: User): string =>
  owner === me.name ? name : `${owner}/${name}`;

/** What an SSH client takes for its host: an owner's name need not be one. */
export const hostOf = ({ id, name, owner }: Named, me: User): string => (owner === me.name ? name : id);

const PLAIN_OWNER = /^(?=.{1,39}$)[a-z0-9](?:-?[a-z0-9])*$/;

/**
 * Its name in the client configuration that `dsw ssh-config` writes. What that makes of an owner
 * whose name is no plain word is for `dsw` to say.
 */
export function aliasOf({ name, owner }: Named, me: User): string | undefined {
  if (owner === me.name) return `${name}.dsw`;
  return PLAIN_OWNER.test(owner) ? `${name}.${owner}.dsw` : undefined;
}

export interface Commands {
  login: string;
  ssh: string;
  config: string;
  /** Without `dsw`, by the one file that everybody can download. */
  environment: string;
  proxy: string;
  gateway: string | undefined;
}

/** What a token of the hub needs to open this instance alone. */
export const tokenScope = ({ owner, name }: Named): string => `access:servers!server=${owner}/${name}`;

interface Where {
  instance: Named & Pick<Instance, "state" | "ssh">;
  me: User & { ssh_gateway?: SshGateway | null };
  /** The hub's public address. */
  hub: string;
}

export const PROXY_FILE = "dsw-ssh-proxy.py";
/** As in every image of the workbench, as long as the instance has not told. */
const USER = "dsw";

/** Whether the commands have to start it, and may: others do not start what is not theirs. */
export const needsStart = ({ instance, me }: Pick<Where, "instance" | "me">): boolean =>
  instance.owner === me.name && !isUp(instance.state);

export function commandsFor({ instance, me, hub }: Where): Commands {
  const start = needsStart({ instance, me }) ? "--start " : "";
  const login = `${instance.ssh?.user ?? USER}@${hostOf(instance, me)}`;
  const proxy = `python3 ${PROXY_FILE} ${start}%h`;
  return {
    login: `dsw login ${quoted(hub)}`,
    ssh: `dsw ssh ${start}${quoted(called(instance, me))}`,
    config: `dsw ssh-config --write ${start}`.trim(),
    environment: `export DSW_URL=${quoted(hub)}\nread -rs DSW_TOKEN && export DSW_TOKEN`,
    proxy: `ssh -o ProxyCommand="${proxy}" -o HostKeyAlias=${instance.id} ${login}`,
    gateway:
      me.ssh_gateway && USER_NAME.test(me.name)
        ? `ssh -J ${quoted(`${me.name}@${me.ssh_gateway.address}`)} -o HostKeyAlias=${instance.id} ${login}`
        : undefined,
  };
}
