/** What can be opened in a running instance, of what its own server told. Pure. */
import type { AppLink, Instance } from "../api/models";
import type { InstanceRights } from "../workspace/rights";
import { isUp } from "./states";

const VSCODE = "vscode";

export interface Apps {
  vscode: AppLink | undefined;
  others: AppLink[];
}

/** The apps that this user can open now: those who may only look can open none. */
export function appsFor(
  { state, endpoints }: Pick<Instance, "state" | "endpoints">,
  { terminal }: Pick<InstanceRights, "terminal">,
): Apps {
  const apps = terminal && isUp(state) ? (endpoints?.apps ?? []) : [];
  return {
    vscode: apps.find(({ name }) => name === VSCODE),
    others: apps.filter(({ name }) => name !== VSCODE),
  };
}
