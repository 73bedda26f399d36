/** Change what people read of an image, and who sees it. */
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { Image, ImageChange } from "../api/models";
import { TextField } from "../common/Field";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { ImageFields, type ImageText } from "./ImageFields";

interface Props {
  image: Image;
  publish: boolean;
  onClose: () => void;
}

export function EditImageDialog({ image, publish, onClose }: Props) {
  const [text, setText] = useState<ImageText>(image);
  const [tag, setTag] = useState(image.tag ?? "");
  const change = useAction({
    run: (body: ImageChange) => assetCalls.changeImage(image.id, body),
    lists: ["images", "image", "family"],
  });
  const { name, description, visibility, labels } = text;
  const body = { name: name.trim(), description, visibility, labels, tag: tag === (image.tag ?? "") ? null : tag.trim() };
  return (
    <FormDialog
      title={`Change “${image.name}”`}
      okText="Change"
      onSubmit={() => change.mutate(body, { onSuccess: onClose })}
      onClose={onClose}
      pending={change.isPending}
      error={change.error}
      disabled={!name.trim()}
    >
      <ImageFields value={text} onChange={setText} publish={publish} />
      <TextField
        label="Tag (optional)"
        mono
        maxLength={128}
        help="A name in the workspace that moves here from the image that has it."
        value={tag}
        onChange={setTag}
      />
    </FormDialog>
  );
}
