/** The signed-in user, and addresses on the hub that depend on who and where. */
import { createContext, useContext } from "react";

import type { Me } from "../api/models";

export const MeContext = createContext<Me | null>(null);

export function useUser(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error("The user is known below SignedIn only.");
  return me;
}

/** A page of the hub: `home`, `token` or `admin`. */
export const hubPage = (me: Me, name: string): string =>
  new URL(name, new URL(me.hub_url, document.baseURI)).href;

/** The workbench's address, as `dsw login` takes it. */
export const hubAddress = (me: Me): string => hubPage(me, "..");
