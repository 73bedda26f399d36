/** Where an instance's pages are. `url` is its path below the hub's public address. */
import type { Instance } from "../api/models";

export const labUrl = ({ url }: Pick<Instance, "url">): string => `${url}lab`;

/** Lab with a new terminal; our Lab extension reads the parameter. */
export const terminalUrl = ({ url }: Pick<Instance, "url">): string => `${url}lab?dsw=terminal`;
