import { Typography } from "antd";

/** Lines to be copied into a terminal or a file; `label` says what is copied to those who see no icon. */
export function Command({ label, text }: { label: string; text: string }) {
  return (
    <div className="command">
      <pre>{text}</pre>
      <Typography.Text copyable={{ text, tooltips: [`Copy ${label}`, "Copied"] }} />
    </div>
  );
}
