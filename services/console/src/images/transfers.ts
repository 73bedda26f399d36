/** Which transfer of an image is meant, and whether it is over. Pure. */
import type { Transfer } from "../api/models";

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
