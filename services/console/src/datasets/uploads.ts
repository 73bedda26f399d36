/**
 * The files that this page sends, one after the other: they go on while people look at something
 * else, can be paused, and are taken up again after a break when the same file is chosen.
 */
import type { Upload, UploadCreate } from "../api/models";
import { Problem, sentenceOf } from "../api/problem";
import { sendAll } from "../common/pieces";
import type { Start } from "./pace";
import { joined } from "./paths";

export type SendingState = "waiting" | "sending" | "paused" | "done" | "failed";

export interface Sending {
  key: number;
  dataset: string;
  path: string;
  file: File;
  state: SendingState;
  overwrite: boolean;
  upload?: Upload | undefined;
  /** Since when and from where it is being sent now. */
  start?: Start | undefined;
  problem?: string | undefined;
  /** A file of this name is there; it can be sent in its place. */
  taken?: boolean | undefined;
}

export interface UploadServer {
  uploads: () => Promise<Upload[]>;
  create: (dataset: string, body: UploadCreate, key: string) => Promise<Upload>;
  send: (upload: Upload, piece: Blob, signal: AbortSignal) => Promise<Upload>;
  look: (upload: Upload) => Promise<Upload>;
  cancel: (upload: Upload) => Promise<void>;
  pause: () => Promise<void>;
  now: () => number;
  newKey: () => string;
}

export const uploadEnded = ({ state }: Pick<Upload, "state">): boolean =>
  state === "Done" || state === "Failed" || state === "Cancelled";

/** One that was cut off and waits for this very file. */
export const cutOff = (uploads: readonly Upload[], dataset: string, path: string, size: number) =>
  uploads.find(
    (item) =>
      item.state === "Receiving" && item.dataset_id === dataset && item.path === path && item.size === size,
  );

/** Those of a dataset that are cut off, and that this page does not send. */
export const interrupted = (uploads: readonly Upload[], sendings: readonly Sending[], dataset: string): Upload[] =>
  uploads.filter(
    (item) =>
      item.state === "Receiving" &&
      item.dataset_id === dataset &&
      // The server's list may be older than what this page has sent since.
      !sendings.some((one) => one.upload?.id === item.id) &&
      !sendings.some((one) => one.dataset === dataset && one.path === item.path && one.state !== "done"),
  );

export class UploadQueue {
  private sendings: readonly Sending[] = [];
  private readonly listeners = new Set<() => void>();
  private current: { key: number; abort: AbortController } | undefined;
  private lastKey = 0;

  constructor(
    private readonly server: UploadServer,
    private readonly onStored: (dataset: string) => void = () => undefined,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly list = (): readonly Sending[] => this.sendings;

  /** Send files into a folder of a dataset. */
  add(dataset: string, folder: string, files: readonly File[]): void {
    const fresh = files.map((file) => this.sending(dataset, joined(folder, file.name), file));
    this.keep([...this.sendings, ...fresh]);
  }

  /** Go on with one that was cut off; the file must be the one that it was begun with. */
  takeUp(upload: Upload, file: File): string | undefined {
    const name = upload.path.split("/").at(-1);
    if (file.name !== name || file.size !== upload.size) {
      return `This is another file. Choose “${name}” with ${upload.size} bytes, or cancel the upload.`;
    }
    this.keep([...this.sendings, this.sending(upload.dataset_id, upload.path, file)]);
    return undefined;
  }

  pause(key: number): void {
    this.change(key, { state: "paused" });
    this.stop(key);
  }

  resume(key: number, overwrite = false): void {
    const more = overwrite ? { overwrite } : {};
    this.change(key, { state: "waiting", problem: undefined, taken: undefined, ...more });
  }

  /** Take it from the list; what of it is on the server goes, unless all is stored. */
  async cancel(key: number): Promise<void> {
    const found = this.sendings.find((item) => item.key === key);
    this.keep(this.sendings.filter((item) => item.key !== key));
    this.stop(key);
    if (found?.upload && !uploadEnded(found.upload)) await this.server.cancel(found.upload);
  }

  private sending(dataset: string, path: string, file: File): Sending {
    return { key: ++this.lastKey, dataset, path, file, state: "waiting", overwrite: false };
  }

  private stop(key: number): void {
    if (this.current?.key === key) this.current.abort.abort();
  }

  private change(key: number, more: Partial<Sending>): void {
    this.keep(this.sendings.map((item) => (item.key === key ? { ...item, ...more } : item)));
  }

  private keep(sendings: readonly Sending[]): void {
    this.sendings = sendings;
    for (const listener of this.listeners) listener();
    if (!this.current) void this.sendNext();
  }

  private async sendNext(): Promise<void> {
    const next = this.sendings.find(({ state }) => state === "waiting");
    if (!next) return;
    const abort = new AbortController();
    this.current = { key: next.key, abort };
    try {
      this.change(next.key, { state: "sending" });
      const stored = await this.send(next, abort.signal);
      this.change(next.key, { state: "done", upload: stored });
      this.onStored(next.dataset);
    } catch (error) {
      // Paused or cancelled: that was said already.
      if (!abort.signal.aborted) this.fail(next.key, error);
    } finally {
      this.current = undefined;
    }
    this.keep(this.sendings);
  }

  private async send(item: Sending, signal: AbortSignal): Promise<Upload> {
    const begun = await this.begun(item);
    if (!this.sendings.some(({ key }) => key === item.key)) await this.server.cancel(begun);
    signal.throwIfAborted();
    this.change(item.key, { upload: begun, start: { at: this.server.now(), bytes: begun.bytes_done } });
    const ended = await sendAll(item.file, begun, {
      hasEnded: uploadEnded,
      send: (upload, piece) => this.server.send(upload, piece, signal),
      look: this.server.look,
      pause: this.server.pause,
      onChange: (upload) => this.change(item.key, { upload }),
      signal,
    });
    if (ended.state === "Done") return ended;
    throw new Problem(409, "upload_ended", ended.message || `The upload was ${ended.state.toLowerCase()}.`);
  }

  private async begun(item: Sending): Promise<Upload> {
    const known = cutOff(await this.server.uploads(), item.dataset, item.path, item.file.size);
    if (known) return known;
    const body = { path: item.path, size: item.file.size, overwrite: item.overwrite };
    try {
      return await this.server.create(item.dataset, body, this.server.newKey());
    } catch (error) {
      this.change(item.key, { taken: error instanceof Problem && error.status === 409 && !item.overwrite });
      throw error;
    }
  }

  private fail(key: number, error: unknown): void {
    this.change(key, { state: "failed", problem: sentenceOf(error) });
  }
}
