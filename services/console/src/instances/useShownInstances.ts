/** The instances that the user may see and wants to: own, shared, and everybody's. */
import { useMemo } from "react";

import type { Instance } from "../api/models";
import { useInstances } from "../api/queries";
import { useScope } from "../shell/scope";
import { together } from "./shown";

interface Shown {
  instances: Instance[] | undefined;
  error: Error | null;
  again: () => void;
}

export function useShownInstances(): Shown {
  const { everybody } = useScope();
  const own = useInstances("own");
  const shared = useInstances("shared");
  const all = useInstances("everybody", everybody);
  const instances = useMemo(
    () => own.data && together(own.data, shared.data ?? [], everybody ? (all.data ?? []) : []),
    [own.data, shared.data, all.data, everybody],
  );
  return {
    instances,
    error: own.error,
    again: () => void own.refetch(),
  };
}
