/** Lists that are too long to stand open, each behind its title; empty ones are not there. */
import { Collapse } from "antd";
import type { ReactNode } from "react";

export interface Fold {
  title: string;
  /** What stands beside the title, such as a count. */
  note?: string | number;
  hidden?: boolean;
  body: ReactNode;
}

export function Folds({ folds }: { folds: Fold[] }) {
  const shown = folds.filter(({ hidden }) => !hidden);
  if (shown.length === 0) return null;
  return (
    <Collapse
      size="small"
      className="folds"
      items={shown.map(({ title, note, body }) => ({
        key: title,
        label: title,
        extra: note,
        children: <div className="fold">{body}</div>,
      }))}
    />
  );
}

/** Lines of plain text, one below the other. */
export function Lines({ lines, more = 0 }: { lines: readonly string[]; more?: number | undefined }) {
  return (
    <ul className="lines">
      {lines.map((line, index) => (
        <li key={index}>{line}</li>
      ))}
      {more > 0 && <li className="quiet">and {more} more</li>}
    </ul>
  );
}
