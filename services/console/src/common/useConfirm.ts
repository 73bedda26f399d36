/** A question before something that cannot be undone; it closes when the server has answered. */
import { App } from "antd";
import type { ReactNode } from "react";

interface Question {
  title: string;
  content: ReactNode;
  okText: string;
  run: () => Promise<unknown>;
  onDone?: (() => void) | undefined;
}

export function useConfirm() {
  const { modal } = App.useApp();
  return ({ title, content, okText, run, onDone }: Question): void =>
    void modal.confirm({
      title,
      content,
      okText,
      okButtonProps: { danger: true },
      autoFocusButton: "cancel",
      // A refusal is told by the action itself.
      onOk: () =>
        run().then(
          () => onDone?.(),
          () => undefined,
        ),
    });
}
