/** A list that may be long: its first page at once, the others when they are asked for. */
import { keepPreviousData, useInfiniteQuery, type QueryKey } from "@tanstack/react-query";

import type { Cursor, Page } from "./pages";

export interface More {
  load: () => void;
  loading: boolean;
}

export interface Paged<T> {
  items: T[] | undefined;
  error: Error | null;
  again: () => void;
  /** The way to the next page; nothing at the end. */
  more: More | undefined;
}

export function usePaged<T>(
  queryKey: QueryKey,
  read: (cursor: Cursor, signal: AbortSignal) => Promise<Page<T>>,
): Paged<T> {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: null as Cursor,
    getNextPageParam: (page: Page<T>) => page.next ?? null,
    placeholderData: keepPreviousData,
  });
  return {
    items: query.data?.pages.flatMap((page) => page.items),
    error: query.error,
    again: () => void query.refetch(),
    more: query.hasNextPage
      ? { load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage }
      : undefined,
  };
}
