/** A table that becomes a list of cards on a narrow window, with skeleton, error and empty state. */
import { Button, Skeleton } from "antd";
import { useState, type HTMLAttributes, type ReactNode } from "react";

import type { More } from "../api/usePaged";
import { Unreadable } from "./Unreadable";

/** So many rows are drawn at once; a browser becomes slow by thousands. */
const DRAWN = 200;

export interface Column<T> {
  key: string;
  title: string;
  render: (item: T) => ReactNode;
  /** Width of the column as CSS, where it should not follow its content. */
  width?: string;
  /** Hides the title on screen; screen readers still get it. */
  hideTitle?: boolean;
}

type RowProps = HTMLAttributes<HTMLTableRowElement> & { [data: `data-${string}`]: string };

interface Props<T> {
  label: string;
  columns: Column<T>[];
  items: readonly T[] | undefined;
  error: Error | null;
  again: () => void;
  empty: ReactNode;
  keyOf: (item: T) => string;
  rowProps?: (item: T) => RowProps;
  /** The way to what the server has beyond the items. */
  more?: More | undefined;
}

export function DataTable<T>(props: Props<T>) {
  const { label, columns, items, error, again, empty, keyOf, rowProps, more } = props;
  const [drawn, setDrawn] = useState(DRAWN);
  if (!items && error) return <Unreadable error={error} again={again} />;
  if (items?.length === 0) return <div className="sheet">{empty}</div>;
  // The roles are written out because `display: grid`, used on narrow windows, takes them away.
  return (
    <div className="sheet">
      <table className="table" role="table" aria-label={label} aria-busy={!items}>
        <colgroup>
          {columns.map(({ key, width }) => (
            <col key={key} style={width ? { width } : undefined} />
          ))}
        </colgroup>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ key, title, hideTitle }) => (
              <th key={key} role="columnheader" scope="col">
                <span className={hideTitle ? "unseen" : undefined}>{title}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {items
            ? items.slice(0, drawn).map((item) => (
                <tr key={keyOf(item)} role="row" {...rowProps?.(item)}>
                  {columns.map((column) => (
                    <td key={column.key} role="cell" className={`cell-${column.key}`}>
                      {column.render(item)}
                    </td>
                  ))}
                </tr>
              ))
            : [0, 1, 2].map((row) => <SkeletonRow key={row} columns={columns.length} />)}
        </tbody>
      </table>
      {items && items.length > drawn ? (
        <MoreButton more={{ load: () => setDrawn(drawn + DRAWN), loading: false }} />
      ) : (
        more && <MoreButton more={more} />
      )}
    </div>
  );
}

function MoreButton({ more }: { more: More }) {
  return (
    <div className="more">
      <Button type="text" loading={more.loading} onClick={more.load}>
        Show more
      </Button>
    </div>
  );
}

function SkeletonRow({ columns }: { columns: number }) {
  return (
    <tr aria-hidden="true">
      {Array.from({ length: columns }, (_, column) => (
        <td key={column}>
          <Skeleton active title={false} paragraph={{ rows: column ? 1 : 2 }} />
        </td>
      ))}
    </tr>
  );
}
