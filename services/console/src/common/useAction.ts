/** A change on the server: shows its result in the lists at once, or its refusal as a sentence. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { App } from "antd";

import { upsert } from "../api/lists";
import { sentenceOf } from "../api/problem";

type List = "instances" | "snapshots" | "images";

interface Options<V, R> {
  run: (input: V) => Promise<R>;
  list: List;
  /** What to say above the refusal; without it the caller shows the error itself. */
  refused?: (input: V) => string;
}

export function useAction<V, R extends { id: string } | void | undefined>(options: Options<V, R>) {
  const { run, list, refused } = options;
  const queries = useQueryClient();
  const { notification } = App.useApp();
  return useMutation({
    mutationFn: run,
    onSuccess: (item) => {
      if (item) {
        queries.setQueryData<{ id: string }[]>([list], (items) => items && upsert(items, item));
      }
    },
    onError: (error, input) => {
      if (!refused) return;
      notification.error({ title: refused(input), description: sentenceOf(error), duration: 10 });
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: [list] });
    },
  });
}
