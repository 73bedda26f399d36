/** What is read before it can be shown: a skeleton until it is here, or the reason why it is not. */
import { Skeleton } from "antd";
import type { ReactNode } from "react";

import { Unreadable } from "./Unreadable";

interface Query<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

export function Loaded<T>({ query, children }: { query: Query<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Unreadable error={query.error} again={() => void query.refetch()} />;
  return (
    <div aria-busy="true">
      <Skeleton active paragraph={{ rows: 4 }} />
    </div>
  );
}
