/** The dialog that is open for an instance, if any. */
import type { Instance } from "../api/models";
import { SaveDialog } from "../snapshots/SaveDialog";
import { ConnectDialog } from "../ssh/ConnectDialog";
import { ChangeDialog } from "./ChangeDialog";
import { ShareDialog } from "./ShareDialog";

export type DialogKind = "change" | "connect" | "save" | "share";

interface Props {
  kind: DialogKind;
  instance: Instance;
  onClose: () => void;
}

export function InstanceDialogs({ kind, instance, onClose }: Props) {
  if (kind === "change") return <ChangeDialog instance={instance} onClose={onClose} />;
  if (kind === "connect") return <ConnectDialog instance={instance} onClose={onClose} />;
  if (kind === "share") return <ShareDialog instance={instance} onClose={onClose} />;
  return <SaveDialog instance={instance} onClose={onClose} />;
}
