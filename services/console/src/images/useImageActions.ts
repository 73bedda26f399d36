/** Delete an image, with confirmation, or look again at what it can run. */
import { App } from "antd";

import { assetCalls } from "../api/assetCalls";
import type { Image } from "../api/models";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { useUser } from "../shell/me";
import { useScope } from "../shell/scope";
import { rightsOnImage, type ImageRights } from "../workspace/rights";

export interface ImageActions {
  remove: (image: Image) => void;
  check: (image: Image) => void;
  checking: boolean;
  rights: (image: Image) => ImageRights;
}

export function useImageActions(onDeleted?: () => void): ImageActions {
  const me = useUser();
  const { workspaces } = useScope();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const remove = useAction({
    run: (image: Image) => assetCalls.deleteImage(image.id),
    lists: ["images"],
    refused: (image) => `“${image.name}” was not deleted`,
  });
  const check = useAction({
    run: async (image: Image) => {
      const checked = await assetCalls.checkImage(image.id);
      message.info(checked.hint || `“${image.name}” is there.`);
      return checked;
    },
    lists: ["images", "image"],
    refused: (image) => `“${image.name}” was not checked`,
  });
  return {
    check: check.mutate,
    checking: check.isPending,
    rights: (image) =>
      rightsOnImage(image, me, workspaces.find(({ id }) => id === image.workspace_id)),
    remove: (image) =>
      confirm({
        title: `Delete the image “${image.name}”?`,
        content:
          "New instances can no longer start from it. Images that grew from it stay as they are. This cannot be undone.",
        okText: "Delete",
        run: () => remove.mutateAsync(image),
        onDone: onDeleted,
      }),
  };
}
