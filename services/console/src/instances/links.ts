/**
 * Where an instance's pages are. `url` is its path below the hub's public address, or absolute where
 * each user has an origin of their own; it ends in a slash.
 */
import type { AppLink, Instance, OpenPort } from "../api/models";

type Placed = Pick<Instance, "url">;

export const labUrl = ({ url }: Placed): string => `${url}lab`;

/** Lab with a new terminal; our Lab extension reads the parameter. */
export const terminalUrl = ({ url }: Placed): string => `${url}lab?dsw=terminal`;

export const appUrl = ({ url }: Placed, { path }: Pick<AppLink, "path">): string => `${url}${path}`;

export const portUrl = ({ url }: Placed, { port }: Pick<OpenPort, "port">): string => `${url}proxy/${port}/`;

/** For programs that are not this browser. `page` is the address of this page. */
export const fullUrl = ({ url }: Placed, page: string): string => new URL(url, page).href;
