import { describe, expect, it, vi } from "vitest";

import type { Upload } from "../api/models";
import { Problem } from "../api/problem";
import { interrupted, UploadQueue, type UploadServer } from "./uploads";

const PIECE = 4 * 1024 ** 2;

const upload = (rest: Partial<Upload>): Upload => ({
  id: "up-a",
  dataset_id: "ds-a",
  path: "a.csv",
  size: 10,
  bytes_done: 0,
  state: "Receiving",
  message: "",
  created_at: "2026-01-01T00:00:00Z",
  ...rest,
});

const file = (name: string, size: number) =>
  new File([Uint8Array.from({ length: size }, (_, index) => index % 251)], name);

/** A server that keeps what it gets; while `held` nothing of a piece arrives. */
class Server implements UploadServer {
  rows: Upload[] = [];
  bodies: { path: string; overwrite?: boolean }[] = [];
  held = false;
  there = new Set<string>();
  offsets: number[] = [];
  private hold: (() => void)[] = [];

  uploads = async () => this.rows.filter(({ state }) => state === "Receiving");

  create = async (dataset_id: string, body: { path: string; size: number; overwrite?: boolean }) => {
    this.bodies.push(body);
    if (this.there.has(body.path) && !body.overwrite) throw new Problem(409, "conflict", "It is there.");
    const row = upload({ id: `up-${this.rows.length}`, dataset_id, path: body.path, size: body.size });
    this.rows.push(row);
    return row;
  };

  send = async (item: Upload, piece: Blob, signal: AbortSignal) => {
    if (this.held) {
      await new Promise<void>((resolve, reject) => {
        this.hold.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    this.offsets.push(item.bytes_done);
    const done = item.bytes_done + piece.size;
    return this.put({ ...item, bytes_done: done, state: done >= item.size ? "Done" : "Receiving" });
  };

  look = async ({ id }: Upload) => {
    const row = this.rows.find((item) => item.id === id);
    if (!row) throw new Problem(404, "not_found", "Gone.");
    return row;
  };

  cancel = async ({ id }: Upload) => {
    this.rows = this.rows.filter((item) => item.id !== id);
  };

  pause = async () => undefined;
  now = () => 0;
  newKey = () => "key";

  release(): void {
    this.held = false;
    for (const go of this.hold.splice(0)) go();
  }

  put(row: Upload): Upload {
    this.rows = this.rows.map((item) => (item.id === row.id ? row : item));
    return row;
  }
}

const states = (queue: UploadQueue) => queue.list().map(({ path, state }) => [path, state]);

describe("uploads", () => {
  it("are sent one after the other, into the folder, in pieces", async () => {
    const server = new Server();
    const stored: string[] = [];
    const queue = new UploadQueue(server, (dataset) => stored.push(dataset));
    queue.add("ds-a", "train", [file("a.csv", PIECE + 1), file("b.csv", 3)]);
    await vi.waitFor(() => expect(stored).toEqual(["ds-a", "ds-a"]));
    expect(states(queue)).toEqual([["train/a.csv", "done"], ["train/b.csv", "done"]]);
    expect(server.offsets).toEqual([0, PIECE, 0]);
  });

  it("of nothing are sent, too", async () => {
    const server = new Server();
    const queue = new UploadQueue(server);
    queue.add("ds-a", "", [file("empty", 0)]);
    await vi.waitFor(() => expect(states(queue)).toEqual([["empty", "done"]]));
    expect(server.offsets).toEqual([0]);
  });

  it("that are paused leave the way to the next, and go on where they were", async () => {
    const server = new Server();
    const queue = new UploadQueue(server);
    server.held = true;
    queue.add("ds-a", "", [file("a.csv", 10), file("b.csv", 3)]);
    await vi.waitFor(() => expect(queue.list()[0]?.upload).toBeDefined());
    const [first] = queue.list();
    queue.pause(first?.key ?? 0);
    server.held = false;
    await vi.waitFor(() => expect(states(queue)).toEqual([["a.csv", "paused"], ["b.csv", "done"]]));
    server.put({ ...(server.rows[0] as Upload), bytes_done: 4 });
    queue.resume(first?.key ?? 0);
    await vi.waitFor(() => expect(queue.list()[0]?.state).toBe("done"));
    expect(server.offsets).toEqual([0, 4]);
    expect(server.bodies).toHaveLength(2);
  });

  it("of a name that is taken are refused, and sent in its place when people say so", async () => {
    const server = new Server();
    server.there.add("a.csv");
    const queue = new UploadQueue(server);
    queue.add("ds-a", "", [file("a.csv", 10)]);
    await vi.waitFor(() => expect(queue.list()[0]).toMatchObject({ state: "failed", taken: true, problem: "It is there." }));
    queue.resume(queue.list()[0]?.key ?? 0, true);
    await vi.waitFor(() => expect(queue.list()[0]).toMatchObject({ state: "done", problem: undefined }));
    expect(server.bodies.map(({ overwrite }) => overwrite)).toEqual([false, true]);
  });

  it("that are cancelled are gone from the page and the server", async () => {
    const server = new Server();
    server.held = true;
    const queue = new UploadQueue(server);
    queue.add("ds-a", "", [file("a.csv", 10)]);
    await vi.waitFor(() => expect(queue.list()[0]?.upload).toBeDefined());
    await queue.cancel(queue.list()[0]?.key ?? 0);
    expect(queue.list()).toEqual([]);
    expect(server.rows).toEqual([]);
  });

  it("of an earlier page go on with the same file only", async () => {
    const server = new Server();
    const row = upload({ path: "train/a.csv", bytes_done: 6 });
    server.rows = [row];
    const queue = new UploadQueue(server);
    expect(queue.takeUp(row, file("b.csv", 10))).toContain("Choose “a.csv”");
    expect(queue.takeUp(row, file("a.csv", 11))).toContain("another file");
    expect(queue.takeUp(row, file("a.csv", 10))).toBeUndefined();
    await vi.waitFor(() => expect(states(queue)).toEqual([["train/a.csv", "done"]]));
    expect(server.offsets).toEqual([6]);
  });

  it("that fail on the server say why", async () => {
    const server = new Server();
    server.send = async (item) => ({ ...item, state: "Failed", message: "The storage is full." });
    const queue = new UploadQueue(server);
    queue.add("ds-a", "", [file("a.csv", 10)]);
    await vi.waitFor(() =>
      expect(queue.list()[0]).toMatchObject({ state: "failed", problem: "The storage is full." }),
    );
  });

  it("are interrupted when they wait on the server and this page does not send them", () => {
    const rows = [
      upload({ id: "up-1", path: "a" }),
      upload({ id: "up-2", path: "b" }),
      upload({ id: "up-3", path: "c", dataset_id: "ds-b" }),
      upload({ id: "up-4", path: "d", state: "Storing" }),
    ];
    const sent = { key: 1, dataset: "ds-a", path: "b", file: file("b", 1), state: "paused", overwrite: false } as const;
    expect(interrupted(rows, [sent], "ds-a").map(({ id }) => id)).toEqual(["up-1"]);
    const done = { ...sent, key: 2, path: "a", state: "done", upload: upload({ id: "up-1", state: "Done" }) } as const;
    expect(interrupted(rows, [sent, done], "ds-a")).toEqual([]);
  });
});
