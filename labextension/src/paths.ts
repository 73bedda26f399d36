/** What Lab does with the path of a mount: to the clipboard, or in the file browser. */

import { Clipboard, Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { CommandRegistry } from '@lumino/commands';
import type { IPathActions } from './mountList.js';
import { pathInLab } from './mountText.js';
import { CommandIds } from './tokens.js';

export function pathActions(commands: CommandRegistry): IPathActions {
  return {
    copy: path => {
      Clipboard.copyToSystem(path);
      Notification.info(`Copied ${path}`, { autoClose: 2000 });
    },
    reveal: target => {
      const path = pathInLab(PageConfig.getOption('serverRoot'), target);
      if (path === undefined || !commands.hasCommand(CommandIds.openPath)) {
        return undefined;
      }
      return () => void commands.execute(CommandIds.openPath, { path });
    }
  };
}
