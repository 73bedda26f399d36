import { describe, expect, it } from "vitest";

import type { Dataset, Mount } from "../api/models";
import { mountable, newWish, staticMounts, wishesOfMounts, wishesProblem } from "./datasetWishes";

const DATASETS = [
  { id: "ds-a", name: "a", version: 3, mount_path: "/mnt/data/a", retired_at: null },
  { id: "ds-b", name: "b", version: 1, mount_path: "/mnt/data/b", retired_at: "2026-01-01T00:00:00Z" },
] as Dataset[];

describe("the datasets of a new instance", () => {
  it("are sent with what was chosen only", () => {
    expect(
      staticMounts([
        newWish("ds-a"),
        { dataset: "ds-b", version: 2, path: " /data/b ", access: "rw" },
        newWish(""),
      ]),
    ).toEqual([
      { dataset: "ds-a", version: null, path: null, access: "ro" },
      { dataset: "ds-b", version: 2, path: "/data/b", access: "rw" },
    ]);
  });

  it("cannot be two at one path", () => {
    expect(wishesProblem([newWish("ds-a"), newWish("ds-b")], DATASETS)).toBeUndefined();
    expect(wishesProblem([newWish("ds-a"), { ...newWish("ds-b"), path: "/mnt/data/a" }], DATASETS)).toContain(
      "/mnt/data/a",
    );
    expect(wishesProblem([newWish(""), newWish("")], DATASETS)).toBeUndefined();
  });

  it("are those that are not retired", () => {
    expect(mountable(DATASETS).map(({ id }) => id)).toEqual(["ds-a"]);
  });
});

describe("the datasets of an instance", () => {
  const mount = (rest: Partial<Mount>) =>
    ({ kind: "static", dataset_id: "ds-a", version: 3, target: "/mnt/data/a", access: "ro", ...rest }) as Mount;

  it("become wishes that say what differs from the usual", () => {
    expect(
      wishesOfMounts(
        [mount({}), mount({ version: 1, target: "/data/x", access: "rw" }), mount({ kind: "dynamic" })],
        DATASETS,
      ),
    ).toEqual([newWish("ds-a"), { dataset: "ds-a", version: 1, path: "/data/x", access: "rw" }]);
  });
});
