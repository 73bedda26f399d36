import { describe, expect, it } from "vitest";

import { aliasOf, called, commandsFor, hostOf, needsStart, quoted } from "./commands";

const ME = { name: "alice" };
const HUB = "https://dsw.example.com/";
const own = { id: "dsw-abc", name: "train", owner: "alice", state: "Running", ssh: null } as const;
const theirs = { ...own, owner: "bob o'neil" };

describe("an instance on somebody's computer", () => {
  it("goes by its name, with its owner's where that is somebody else", () => {
    expect(called(own, ME)).toBe("train");
    expect(called(theirs, ME)).toBe("bob o'neil/train");
  });

  it("is a host by a word that every SSH client takes", () => {
    expect(hostOf(own, ME)).toBe("train");
    expect(hostOf(theirs, ME)).toBe("dsw-abc");
  });

  it("has the name in the configuration that dsw gives it, as far as that can be told", () => {
    expect(aliasOf(own, ME)).toBe("train.dsw");
    expect(aliasOf({ ...own, owner: "bob" }, ME)).toBe("train.bob.dsw");
    expect(aliasOf({ ...own, owner: "bob--2" }, ME)).toBeUndefined();
    expect(aliasOf({ ...own, owner: "b".repeat(40) }, ME)).toBeUndefined();
    expect(aliasOf(theirs, ME)).toBeUndefined();
  });

  it.each([
    ["train", "train"],
    ["bob o'neil/train", `'bob o'\\''neil/train'`],
    ["$(id)", "'$(id)'"],
    ["张伟/train", "'张伟/train'"],
    ["~bob/train", "'~bob/train'"],
    ["alice@[::1]:2222", "'alice@[::1]:2222'"],
    ["-oProxyCommand=id", "'-oProxyCommand=id'"],
    ["", "''"],
  ])("is quoted for a shell: %j", (word, expected) => {
    expect(quoted(word)).toBe(expected);
  });
});

describe("the commands", () => {
  it("are short for what runs", () => {
    const commands = commandsFor({ instance: own, me: ME, hub: HUB });
    expect(commands.login).toBe("dsw login https://dsw.example.com/");
    expect(commands.ssh).toBe("dsw ssh train");
    expect(commands.config).toBe("dsw ssh-config --write");
    expect(commands.proxy).toBe(
      'ssh -o ProxyCommand="python3 dsw-ssh-proxy.py %h" -o HostKeyAlias=dsw-abc dsw@train',
    );
    expect(commands.gateway).toBeUndefined();
  });

  it("start what is at rest, and only what is one's own", () => {
    const stopped = { ...own, state: "Stopped" } as const;
    expect(commandsFor({ instance: stopped, me: ME, hub: HUB }).ssh).toBe("dsw ssh --start train");
    expect(commandsFor({ instance: stopped, me: ME, hub: HUB }).proxy).toContain("--start %h");
    expect(commandsFor({ instance: stopped, me: ME, hub: HUB }).config).toBe("dsw ssh-config --write --start");
    expect(needsStart({ instance: { ...theirs, state: "Stopped" }, me: ME })).toBe(false);
  });

  it("log in as the user that the instance has told", () => {
    const told = { ...own, ssh: { user: "jovyan", host_key: "ssh-ed25519 AAAA" } };
    expect(commandsFor({ instance: told, me: ME, hub: HUB }).proxy).toMatch(/ jovyan@train$/);
  });

  it("go by the gateway where there is one, as the user of the hub", () => {
    const ssh_gateway = { address: "dsw.example.com:2222", host_key: null };
    expect(commandsFor({ instance: own, me: { ...ME, ssh_gateway }, hub: HUB }).gateway).toBe(
      "ssh -J alice@dsw.example.com:2222 -o HostKeyAlias=dsw-abc dsw@train",
    );
    expect(commandsFor({ instance: theirs, me: { ...ME, ssh_gateway }, hub: HUB }).gateway).toMatch(
      / dsw@dsw-abc$/,
    );
    const name = "al ice; id";
    expect(commandsFor({ instance: own, me: { name, ssh_gateway }, hub: HUB }).gateway).toBeUndefined();
  });
});
