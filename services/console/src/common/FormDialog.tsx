/** A dialog with a form: what is asked, the refusal as a sentence, and the button that sends it. */
import { Alert, Form, Modal } from "antd";
import type { ReactNode } from "react";

import { sentenceOf } from "../api/problem";

interface Props {
  title: string;
  okText: string;
  onSubmit: () => void;
  onClose: () => void;
  pending: boolean;
  error: Error | null;
  /** While something that is needed is missing. */
  disabled?: boolean;
  width?: number;
  children: ReactNode;
}

export function FormDialog(props: Props) {
  const { title, okText, onSubmit, onClose, pending, error, disabled = false, width = 560, children } = props;
  const submit = () => {
    if (!disabled && !pending) onSubmit();
  };
  return (
    <Modal
      open
      title={title}
      width={`min(${width}px, 100vw - 32px)`}
      okText={okText}
      okButtonProps={{ disabled }}
      confirmLoading={pending}
      onOk={submit}
      onCancel={onClose}
    >
      <Form layout="vertical" onFinish={submit} requiredMark={false}>
        {children}
        {/* Lets Enter send the form: the dialog's own button stands outside of it. */}
        <button type="submit" className="unseen" tabIndex={-1} aria-hidden="true" />
      </Form>
      {error && <Alert className="spaced" type="error" showIcon role="alert" title={sentenceOf(error)} />}
    </Modal>
  );
}
