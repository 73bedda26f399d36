import { describe, expect, it } from "vitest";

import type { FolderUse, StorageReport } from "../api/models";
import { storageText } from "./storageText";

const GIB = 1024 ** 3;

const folder = (owner: string, more: Partial<FolderUse> = {}): FolderUse => ({
  workspace: "team",
  owner,
  path: "",
  used: GIB,
  limit: null,
  enforced: false,
  measured_at: null,
  ...more,
});

const text = (folders: FolderUse[], why_not = ""): string =>
  storageText({ folders, why_not } satisfies StorageReport, "ada");

describe("the line about storage", () => {
  it("tells one's own home and the shared folder only", () => {
    expect(text([folder(""), folder("ada", { used: 2 * GIB }), folder("ben")])).toBe(
      "Your home: 2 GiB · Shared folder: 1 GiB",
    );
  });

  it("tells limits, and which are enforced", () => {
    const folders = [folder("ada", { limit: 4 * GIB, enforced: true }), folder("", { used: null, limit: GIB })];
    expect(text(folders)).toBe("Your home: 1 GiB of 4 GiB (enforced) · Shared folder: not measured yet of 1 GiB");
  });

  it("tells why limits are not enforced, when there are any", () => {
    expect(text([folder("ada", { limit: GIB })], "because")).toContain("limits are not enforced: because");
    expect(text([folder("ada")], "because")).toBe("Your home: 1 GiB");
  });

  it("is empty when nothing is known", () => {
    expect(text([])).toBe("");
    expect(text([folder("ada", { used: null })], "because")).toBe("");
  });
});
