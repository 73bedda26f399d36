import type { ReactNode } from "react";

/** What stands where a list is empty: what this would be, and what to do to get one. */
export function Empty(props: { title: string; text: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 64 48" width="72" height="54" aria-hidden="true">
        <g fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round">
          <path d="M8 33 32 43l24-10" opacity=".35" />
          <path d="M8 24 32 34l24-10" opacity=".6" />
          <path d="M32 5 56 15 32 25 8 15z" />
        </g>
      </svg>
      <h2>{props.title}</h2>
      <p>{props.text}</p>
      {props.children}
    </div>
  );
}
