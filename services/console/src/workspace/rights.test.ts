import { describe, expect, it } from "vitest";

import type { Action, Image, Workspace } from "../api/models";
import { may, mayDeleteCode, rightsOnDataset, rightsOnImage, rightsOnInstance } from "./rights";

const with_ = (...actions: Action[]) => ({ id: "ws", roles: ["owner"], actions }) as unknown as Workspace;
const ME = { name: "alice", admin: false };
const NOTHING = { open: false, terminal: false, ssh: false, manage: false, save: false, share: false, mount: false, history: false };

describe("what the user may do", () => {
  it("is what the server lists, whatever their roles are called", () => {
    expect(may(with_("queue.manage"), "queue.manage")).toBe(true);
    expect(may(with_(), "queue.manage")).toBe(false);
    expect(may(undefined, "queue.manage")).toBe(false);
  });
});

describe("rights on an instance", () => {
  it("of one's own follow the actions on own instances", () => {
    const own = { owner: "alice", access: null };
    expect(rightsOnInstance(own, ME, with_("instance.use.own", "instance.share.own"))).toEqual({
      open: true,
      terminal: true,
      ssh: false,
      manage: true,
      save: false,
      share: true,
      mount: false,
      history: true,
    });
    expect(rightsOnInstance(own, ME, with_("instance.manage.all"))).toMatchObject({ manage: false });
    expect(rightsOnInstance(own, ME, with_("mount.own"))).toMatchObject({ mount: true });
    expect(rightsOnInstance({ ...own, owner: "bob" }, ME, with_("mount.own"))).toMatchObject({ mount: false });
  });

  it("of others take the actions on all instances, and do not open them", () => {
    const other = { owner: "bob", access: null };
    const reader = with_("instance.read.all", "instance.use.own");
    expect(rightsOnInstance(other, ME, reader)).toEqual({ ...NOTHING, history: true });
    expect(rightsOnInstance(other, ME, with_("instance.manage.all", "snapshot.own"))).toEqual({
      open: false,
      terminal: false,
      ssh: false,
      manage: true,
      save: true,
      share: true,
      mount: false,
      history: true,
    });
  });

  it("that is shared let open it, and with full access its terminal", () => {
    const workspace = with_("instance.use.own", "instance.share.own", "snapshot.own");
    const view = rightsOnInstance({ owner: "bob", access: "view" }, ME, workspace);
    expect(view).toEqual({ ...NOTHING, open: true });
    const full = rightsOnInstance({ owner: "bob", access: "full" }, ME, workspace);
    expect(full).toEqual({ ...NOTHING, open: true, terminal: true });
  });

  it("let enter by SSH whose role does, and who is not held to looking", () => {
    const ssh = (owner: string, access: "view" | "full" | null, ...actions: Action[]) =>
      rightsOnInstance({ owner, access }, ME, with_(...actions)).ssh;
    expect(ssh("alice", null, "instance.ssh")).toBe(true);
    expect(ssh("bob", "full", "instance.ssh")).toBe(true);
    expect(ssh("alice", null, "instance.use.own")).toBe(false);
    expect(ssh("bob", "view", "instance.ssh")).toBe(false);
    expect(ssh("bob", null, "instance.ssh", "instance.manage.all")).toBe(false);
  });

  it("end with the membership", () => {
    expect(rightsOnInstance({ owner: "alice", access: null }, ME, undefined)).toEqual(NOTHING);
  });
});

describe("rights on an image", () => {
  const image = (change: Partial<Image> = {}) =>
    ({ owner: "alice", source: "custom", visibility: "private", ...change }) as Image;

  it("let the owner change and delete it, as far as the workspace allows", () => {
    expect(rightsOnImage(image(), ME, with_("image.add", "image.delete.own"))).toEqual({
      change: true,
      remove: true,
      publish: false,
      check: true,
      take: true,
    });
    expect(rightsOnImage(image({ owner: "bob" }), ME, with_("image.add", "image.delete.own"))).toEqual({
      change: false,
      remove: false,
      publish: false,
      check: false,
      take: true,
    });
    const manager = with_("image.change", "image.delete");
    expect(rightsOnImage(image({ owner: "bob" }), ME, manager)).toMatchObject({ change: true, remove: true, take: false });
  });

  it("keep what is public to those who may publish", () => {
    const all = image({ visibility: "public" });
    expect(rightsOnImage(all, ME, with_("image.add"))).toMatchObject({ change: false });
    expect(rightsOnImage(all, ME, with_("image.add", "image.publish"))).toMatchObject({
      change: true,
      publish: true,
    });
  });

  it("leave official and deleted images alone", () => {
    const every = with_("image.add", "image.change", "image.delete", "image.publish");
    const none = { change: false, remove: false, publish: false, check: false, take: false };
    expect(rightsOnImage(image({ source: "official", owner: null }), ME, every)).toEqual(none);
    expect(rightsOnImage(image({ retired_at: "2026-01-01" }), ME, every)).toMatchObject({
      change: false,
      remove: false,
      check: false,
      take: false,
    });
  });
});

describe("a code source", () => {
  it("is deleted by its owner or by who manages them", () => {
    expect(mayDeleteCode({ owner: "alice" }, ME, with_("code.add"))).toBe(true);
    expect(mayDeleteCode({ owner: "bob" }, ME, with_("code.add"))).toBe(false);
    expect(mayDeleteCode({ owner: "bob" }, ME, with_("code.manage"))).toBe(true);
  });
});

describe("rights on a dataset", () => {
  const own = { owner: "alice", visibility: "private", retired_at: null } as const;
  const others = { ...own, owner: "bob" };

  it("of one's own follow registering, those on others managing", () => {
    expect(rightsOnDataset(own, ME, with_("dataset.add"))).toEqual({ change: true, publish: false });
    expect(rightsOnDataset(own, ME, with_("dataset.manage"))).toMatchObject({ change: false });
    expect(rightsOnDataset(others, ME, with_("dataset.add"))).toMatchObject({ change: false });
    expect(rightsOnDataset(others, ME, with_("dataset.manage"))).toMatchObject({ change: true });
    expect(rightsOnDataset(own, ME, undefined)).toMatchObject({ change: false });
  });

  it("that everybody sees are the administrators'", () => {
    const seen = { ...own, visibility: "public" } as const;
    expect(rightsOnDataset(seen, ME, with_("dataset.add"))).toMatchObject({ change: false });
    expect(rightsOnDataset(seen, { ...ME, admin: true }, with_("dataset.add"))).toEqual({ change: true, publish: true });
  });

  it("that was retired end", () => {
    const retired = { ...own, retired_at: "2026-01-01T00:00:00Z" };
    expect(rightsOnDataset(retired, ME, with_("dataset.add"))).toMatchObject({ change: false });
  });
});
