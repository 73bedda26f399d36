import type { ReactNode } from "react";

/** The head of a view: its title, one line about it, and what can be done on it. */
export function PageTitle(props: { title: string; text: ReactNode; children?: ReactNode }) {
  return (
    <div className="page-title">
      <div>
        <h1>{props.title}</h1>
        <p>{props.text}</p>
      </div>
      <div className="page-actions">{props.children}</div>
    </div>
  );
}
