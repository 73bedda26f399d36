/** How a file is sent piece by piece, and goes on after a break where it was. */
import type { Transfer } from "../api/models";
import { Problem } from "../api/problem";

const PIECE = 4 * 1024 ** 2;
/** So often in a row the workbench may fail to answer, with a pause after each time. */
const TRIES = 60;

export const transferEnded = ({ state }: Pick<Transfer, "state">): boolean =>
  state === "Ready" || state === "Failed" || state === "Cancelled";

/** An import of this very file that was cut off, if there is one. */
export const cutOff = (transfers: readonly Transfer[], name: string, size: number, workspace: string) =>
  transfers.find(
    (item) =>
      item.kind === "import" &&
      item.state === "Receiving" &&
      item.name === name &&
      item.size === size &&
      item.workspace_id === workspace,
  );

/** The newest export of an image. */
export const exportOf = (transfers: readonly Transfer[], image: string): Transfer | undefined =>
  transfers
    .filter((item) => item.kind === "export" && item.image_id === image)
    .sort((one, other) => Date.parse(other.created_at) - Date.parse(one.created_at))[0];

export interface Road {
  /** Bytes of a piece. */
  piece?: number;
  send: (transfer: Transfer, piece: Blob) => Promise<Transfer>;
  look: (transfer: Transfer) => Promise<Transfer>;
  pause: () => Promise<void>;
  onChange: (transfer: Transfer) => void;
  signal: AbortSignal;
}

/** The import at its end: after all of the file was sent, and the server has looked at it. */
export async function sendAll(file: Blob, begun: Transfer, road: Road): Promise<Transfer> {
  let transfer = begun;
  let silent = 0;
  while (!transferEnded(transfer)) {
    road.signal.throwIfAborted();
    road.onChange(transfer);
    try {
      transfer = await next(file, transfer, road);
      silent = 0;
    } catch (error) {
      silent += 1;
      if (!mayPass(error) || silent > TRIES) throw error;
      await road.pause();
    }
  }
  road.onChange(transfer);
  return transfer;
}

/** A lost connection, or that the server has not noticed yet that an earlier one broke. */
const mayPass = (error: unknown): boolean =>
  error instanceof Problem && (error.isLostConnection || error.status === 409);

async function next(file: Blob, transfer: Transfer, road: Road): Promise<Transfer> {
  const { bytes_done: done } = transfer;
  if (transfer.state !== "Receiving" || done >= file.size) {
    await road.pause();
    return road.look(transfer);
  }
  try {
    return await road.send(transfer, file.slice(done, done + (road.piece ?? PIECE)));
  } catch (error) {
    // How much of the piece arrived, only the server knows.
    const now = await road.look(transfer);
    if (now.state === transfer.state && now.bytes_done === done) throw error;
    return now;
  }
}
