import { describe, expect, it } from "vitest";

import type { Transfer } from "../api/models";
import { Problem } from "../api/problem";
import { sendAll, type Road } from "../common/pieces";
import { cutOff, exportOf, transferEnded } from "./transfers";

const transfer = (rest: Partial<Transfer>): Transfer => ({
  id: "tr-a",
  kind: "import",
  state: "Receiving",
  workspace_id: "ws-a",
  owner: "ada",
  name: "torch",
  message: "",
  bytes_done: 0,
  created_at: "2026-01-01T00:00:00Z",
  ...rest,
});

const PIECE = 50;
const LOST = new Problem(0, "unreachable", "No answer.");

/** A server that keeps what it gets; the given sends fail, with a part of the piece kept. */
class Server {
  kept: number[] = [];
  sends = 0;
  readonly seen: number[] = [];

  constructor(
    private readonly size: number,
    private readonly failing: ReadonlyMap<number, number> = new Map(),
    private readonly problem = LOST,
  ) {}

  private now(): Transfer {
    const whole = this.kept.length >= this.size;
    return transfer({ state: whole ? "Working" : "Receiving", bytes_done: this.kept.length });
  }

  road(abort = new AbortController()): Road<Transfer> {
    let looked = 0;
    return {
      piece: PIECE,
      hasEnded: transferEnded,
      send: async (at, piece) => {
        if (at.bytes_done !== this.kept.length) throw new Problem(409, "conflict", "Wrong offset.");
        const bytes = [...new Uint8Array(await piece.arrayBuffer())];
        const failing = this.failing.get(this.sends++);
        this.kept.push(...bytes.slice(0, failing ?? bytes.length));
        if (failing !== undefined) throw this.problem;
        return this.now();
      },
      look: async () => {
        const now = this.now();
        return now.state === "Working" && looked++ > 0 ? { ...now, state: "Ready", image_id: "img-a" } : now;
      },
      pause: async () => undefined,
      onChange: ({ bytes_done }) => this.seen.push(bytes_done),
      signal: abort.signal,
    };
  }
}

const file = (size: number) => new Blob([Uint8Array.from({ length: size }, (_, index) => index % 251)]);

describe("an import", () => {
  it("is sent in pieces, and ends when the server has looked at it", async () => {
    const size = PIECE + 10;
    const server = new Server(size);
    const ended = await sendAll(file(size), transfer({}), server.road());
    expect(ended).toMatchObject({ state: "Ready", image_id: "img-a" });
    expect(server.sends).toBe(2);
    expect(server.kept).toEqual([...new Uint8Array(await file(size).arrayBuffer())]);
    expect(server.seen.slice(0, 3)).toEqual([0, PIECE, size]);
  });

  it("goes on after a lost connection where the server is", async () => {
    const server = new Server(100, new Map([[0, 40], [1, 0], [2, 7]]));
    await sendAll(file(100), transfer({}), server.road());
    expect(server.kept).toEqual([...new Uint8Array(await file(100).arrayBuffer())]);
  });

  it("waits while the server still holds what an earlier connection sent", async () => {
    const busy = new Problem(409, "conflict", "Another request is sending this archive.");
    const server = new Server(100, new Map([[0, 0], [1, 0]]), busy);
    await sendAll(file(100), transfer({}), server.road());
    expect(server.kept).toHaveLength(100);
  });

  it("goes on where an earlier one was cut off", async () => {
    const server = new Server(100);
    server.kept = [...new Uint8Array(await file(100).arrayBuffer())].slice(0, 60);
    await sendAll(file(100), transfer({ bytes_done: 60 }), server.road());
    expect(server.sends).toBe(1);
    expect(server.seen[0]).toBe(60);
    expect(server.kept).toHaveLength(100);
  });

  it("ends with a refusal as it is", async () => {
    const server = new Server(100, new Map([[0, 0]]), new Problem(413, "too_large", "Too large."));
    await expect(sendAll(file(100), transfer({}), server.road())).rejects.toThrow("Too large.");
  });

  it("gives up when nobody answers for long", async () => {
    const server = new Server(100, new Map(Array.from({ length: 100 }, (_, index) => [index, 0])));
    await expect(sendAll(file(100), transfer({}), server.road())).rejects.toThrow("No answer.");
    expect(server.sends).toBeLessThan(100);
  });

  it("stops when its dialog is closed", async () => {
    const abort = new AbortController();
    abort.abort();
    const server = new Server(100);
    await expect(sendAll(file(100), transfer({}), server.road(abort))).rejects.toThrow();
    expect(server.sends).toBe(0);
  });

  it("that was cut off is known by name, size and workspace", () => {
    const cut = transfer({ size: 9 });
    const others = [
      transfer({ size: 9, kind: "export" }),
      transfer({ size: 9, state: "Working" }),
      transfer({ size: 8 }),
      transfer({ size: 9, name: "other" }),
      transfer({ size: 9, workspace_id: "ws-b" }),
    ];
    expect(cutOff([...others, cut], "torch", 9, "ws-a")).toBe(cut);
    expect(cutOff(others, "torch", 9, "ws-a")).toBeUndefined();
  });
});

describe("an export", () => {
  it("is the newest of its image", () => {
    const exported = { kind: "export", image_id: "img-a" } as const;
    const older = transfer(exported);
    const newer = transfer({ ...exported, created_at: "2026-01-02T00:00:00Z" });
    const other = transfer({ ...exported, image_id: "img-b", created_at: "2026-01-03T00:00:00Z" });
    expect(exportOf([older, newer, other], "img-a")).toBe(newer);
    expect(exportOf([transfer({ image_id: "img-a" })], "img-a")).toBeUndefined();
  });
});
