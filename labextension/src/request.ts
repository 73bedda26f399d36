/** Carries the extension's calls over Lab's own server connection. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { Api } from './api.js';

export function makeApi(settings: ServerConnection.ISettings): Api {
  return new Api((path, init) =>
    ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'dsw', 'api', path),
      init,
      settings
    )
  );
}

/** The console's address, or nothing where Lab runs without a hub. */
export function consoleUrl(): string | undefined {
  const prefix = PageConfig.getOption('hubPrefix');
  if (!prefix) {
    return undefined;
  }
  const base = prefix.replace(/hub\/?$/, '');
  return PageConfig.getOption('hubHost') + URLExt.join(base, 'services/dsw/');
}
