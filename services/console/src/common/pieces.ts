/** How a file is sent piece by piece, and goes on after a break where it was. */
import { Problem } from "../api/problem";

const PIECE = 4 * 1024 ** 2;
/** So often in a row the workbench may fail to answer, with a pause after each time. */
const TRIES = 60;

/** What the server says of a file that comes in; the next piece begins at `bytes_done`. */
export interface Incoming {
  state: string;
  bytes_done: number;
}

export interface Road<T extends Incoming> {
  /** Bytes of a piece. */
  piece?: number;
  hasEnded: (item: T) => boolean;
  send: (item: T, piece: Blob) => Promise<T>;
  look: (item: T) => Promise<T>;
  pause: () => Promise<void>;
  onChange: (item: T) => void;
  signal: AbortSignal;
}

/** What the server says at the end: after all of the file was sent, and the server is done with it. */
export async function sendAll<T extends Incoming>(file: Blob, begun: T, road: Road<T>): Promise<T> {
  let item = begun;
  let silent = 0;
  while (!road.hasEnded(item)) {
    road.signal.throwIfAborted();
    road.onChange(item);
    try {
      item = await next(file, item, road);
      silent = 0;
    } catch (error) {
      silent += 1;
      if (!mayPass(error) || silent > TRIES) throw error;
      await road.pause();
    }
  }
  road.onChange(item);
  return item;
}

/** A lost connection, or that the server has not noticed yet that an earlier one broke. */
const mayPass = (error: unknown): boolean =>
  error instanceof Problem && (error.isLostConnection || error.status === 409);

async function next<T extends Incoming>(file: Blob, item: T, road: Road<T>): Promise<T> {
  const { bytes_done: done } = item;
  // An empty file is sent, too: as one piece of nothing.
  if (item.state !== "Receiving" || (done >= file.size && file.size > 0)) {
    await road.pause();
    return road.look(item);
  }
  try {
    return await road.send(item, file.slice(done, done + (road.piece ?? PIECE)));
  } catch (error) {
    // How much of the piece arrived, only the server knows.
    const now = await road.look(item);
    if (now.state === item.state && now.bytes_done === done) throw error;
    return now;
  }
}
