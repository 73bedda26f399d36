/** Which workspace the console shows, of which more than one may be the user's; kept per browser. */
import { createContext, useCallback, useContext, useMemo, useState } from "react";

import type { Action, Workspace } from "../api/models";
import { may } from "../workspace/rights";

export interface Scope {
  workspaces: readonly Workspace[];
  /** The chosen one; undefined: all. */
  chosen: Workspace | undefined;
  choose: (id: string | undefined) => void;
  /** Whether lists also show what belongs to others, where the user may see it. */
  everybody: boolean;
  setEverybody: (everybody: boolean) => void;
}

export const ScopeContext = createContext<Scope | null>(null);

export function useScope(): Scope {
  const scope = useContext(ScopeContext);
  if (!scope) throw new Error("The workspaces are known below SignedIn only.");
  return scope;
}

/** The workspace of an object; undefined when the user is not in it (any more). */
export const useWorkspace = (id: string | null | undefined): Workspace | undefined =>
  useScope().workspaces.find((workspace) => workspace.id === id);

/** The one that was chosen, as long as the user is in it; who is in one only has chosen that. */
export function chosenOf(workspaces: readonly Workspace[], id: string | null): Workspace | undefined {
  return workspaces.length === 1 ? workspaces[0] : workspaces.find((workspace) => workspace.id === id);
}

/** Whether something of this workspace is shown now. */
export const isShown = (scope: Pick<Scope, "chosen">, workspaceId: string | null | undefined): boolean =>
  !scope.chosen || scope.chosen.id === workspaceId;

/** The workspaces that are shown now and in which the user may do this. */
export const where = (scope: Pick<Scope, "chosen" | "workspaces">, action: Action): Workspace[] =>
  (scope.chosen ? [scope.chosen] : scope.workspaces).filter((workspace) => may(workspace, action));

/** The state behind the context, for the frame of the console. */
export function useScopeState(user: string, workspaces: readonly Workspace[]): Scope {
  const key = `dsw-workspace:${user}`;
  const [id, setId] = useState(() => localStorage.getItem(key));
  const [everybody, setEverybody] = useState(false);
  const choose = useCallback(
    (wanted: string | undefined) => {
      setId(wanted ?? null);
      if (wanted) localStorage.setItem(key, wanted);
      else localStorage.removeItem(key);
    },
    [key],
  );
  return useMemo(() => {
    const chosen = chosenOf(workspaces, id);
    const readable = where({ chosen, workspaces }, "instance.read.all").length > 0;
    return { workspaces, chosen, choose, everybody: everybody && readable, setEverybody };
  }, [workspaces, id, choose, everybody]);
}
