/** A change on the server: shows its result in the lists at once, or its refusal as a sentence. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { App } from "antd";

import { keep, LIVE_LISTS, type Kept } from "../api/cache";
import { sentenceOf } from "../api/problem";

const LIVE: readonly string[] = Object.values(LIVE_LISTS);

interface Options<V, R> {
  run: (input: V) => Promise<R>;
  /** The first words of the lists that it changes; what it answers with belongs to the first. */
  lists: readonly string[];
  /** What to say above the refusal; without it the caller shows the error itself. */
  refused?: (input: V) => string;
}

export function useAction<V, R>({ run, lists, refused }: Options<V, R>) {
  const queries = useQueryClient();
  const { notification } = App.useApp();
  return useMutation({
    mutationFn: run,
    onSuccess: (item) => {
      const [list] = lists;
      if (list && LIVE.includes(list) && isKept(item)) keep(queries, list, item);
    },
    onError: (error, input) => {
      if (!refused) return;
      notification.error({ title: refused(input), description: sentenceOf(error), duration: 10 });
    },
    onSettled: () => {
      for (const list of lists) void queries.invalidateQueries({ queryKey: [list] });
    },
  });
}

const isKept = (item: unknown): item is Kept =>
  typeof item === "object" && item !== null && "id" in item;
