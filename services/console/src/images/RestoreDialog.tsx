/** Start an instance exactly as the one was that an image was saved from. */
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { Image, ImageReportView, ImageRestore } from "../api/models";
import { TextField } from "../common/Field";
import { Lines } from "../common/Folds";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { useOnceKey } from "../common/useOnceKey";
import { CHANGED } from "../instances/useInstanceActions";
import { goTo } from "../shell/route";
import { instanceLines } from "./reportText";

interface Props {
  image: Image;
  view: ImageReportView;
  onClose: () => void;
}

export function RestoreDialog({ image, view, onClose }: Props) {
  const [name, setName] = useState(image.name);
  const keyOf = useOnceKey();
  const restore = useAction({
    run: (body: ImageRestore) => assetCalls.restoreImage(image.id, body, keyOf(body)),
    lists: CHANGED,
  });
  return (
    <FormDialog
      title="Start again just like this"
      okText="Start"
      onSubmit={() =>
        restore.mutate(
          { display_name: name.trim(), start: true },
          { onSuccess: ({ id }) => goTo("instances", id) },
        )
      }
      onClose={onClose}
      pending={restore.isPending}
      error={restore.error}
      disabled={!name.trim()}
    >
      <p>A new instance with this image, and with what the saved one had:</p>
      <div className="spaced">
        <Lines lines={instanceLines(view)} />
      </div>
      <TextField label="Display name" value={name} maxLength={100} autoFocus onChange={setName} />
    </FormDialog>
  );
}
