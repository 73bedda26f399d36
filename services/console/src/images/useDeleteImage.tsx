/** Delete a saved image, with confirmation. */
import { App } from "antd";

import { calls } from "../api/calls";
import type { Image } from "../api/models";
import { useAction } from "../common/useAction";
import { useUser } from "../shell/me";

export function useDeleteImage(onDeleted?: () => void) {
  const me = useUser();
  const { modal } = App.useApp();
  const action = useAction({
    run: (image: Image) => calls.deleteImage(image.id),
    list: "images",
    refused: (image) => `“${image.name}” was not deleted`,
  });
  const remove = (image: Image) =>
    void modal.confirm({
      title: `Delete the image “${image.name}”?`,
      content:
        "New instances can no longer start from it. Images that grew from it stay as they are. This cannot be undone.",
      okText: "Delete",
      okButtonProps: { danger: true },
      autoFocusButton: "cancel",
      onOk: () =>
        action.mutateAsync(image).then(
          () => onDeleted?.(),
          () => undefined,
        ),
    });
  /** Official images belong to the operator; others to their author, or to a platform admin. */
  const mayRemove = (image: Image) =>
    image.source !== "official" && (image.owner === me.name || me.admin);
  return { remove, mayRemove };
}
