/** The features, one plugin each. */

import {
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { IStatusBar } from '@jupyterlab/statusbar';
import { CodeCheckout } from './codeCheckout.js';
import { DatasetPanel } from './datasetPanel.js';
import { takeTerminalRequest } from './openTerminal.js';
import { pathActions } from './paths.js';
import { consoleUrl, makeApi } from './request.js';
import { ResourceStatus } from './resourceStatus.js';
import { SaveAsImage } from './saveAsImage.js';
import { CommandIds } from './tokens.js';
import { giveKeysToWidgets } from './widgetKeys.js';

const saveAsImage: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:save-as-image',
  description: 'Saves the running instance as an image of the catalog.',
  autoStart: true,
  optional: [ICommandPalette, IMainMenu, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    menu: IMainMenu | null,
    statusBar: IStatusBar | null
  ) => {
    const api = makeApi(app.serviceManager.serverSettings);
    const feature = new SaveAsImage(api, consoleUrl());
    const command = CommandIds.saveAsImage;
    app.commands.addCommand(command, {
      label: 'Save as Image…',
      caption: 'Save what is installed in this instance as an image',
      execute: () => feature.run()
    });
    palette?.addItem({ command, category: 'Workbench' });
    menu?.fileMenu.addGroup([{ command }], 40);
    statusBar?.registerStatusItem('jupyterhub-dsw:saving', {
      item: feature.status,
      align: 'left',
      rank: 101,
      isActive: () => feature.status.isActive,
      activeStateChanged: feature.status.activeStateChanged
    });
    // Outside the workbench there is nothing to resume, and nothing to say about it.
    void app.restored.then(() => feature.resume()).catch(() => undefined);
  }
};

const resourceStatus: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:resource-status',
  description: 'Shows CPU, memory and GPU of the instance in the status bar.',
  autoStart: true,
  requires: [IStatusBar],
  activate: (app: JupyterFrontEnd, statusBar: IStatusBar) => {
    const item = new ResourceStatus(makeApi(app.serviceManager.serverSettings));
    statusBar.registerStatusItem('jupyterhub-dsw:resource-status', {
      item,
      align: 'left',
      rank: 100
    });
  }
};

const openTerminal: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:open-terminal',
  description: 'Opens a terminal where the address asks for one.',
  autoStart: true,
  requires: [IRouter],
  activate: (app: JupyterFrontEnd, router: IRouter) => {
    void app.restored.then(async () => {
      // Lab writes the address that it began with once more when it has reset a workspace.
      router.routed.connect(takeTerminalRequest);
      if (takeTerminalRequest()) {
        await app.commands.execute(CommandIds.createTerminal);
      }
    });
  }
};

const codeCheckout: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:code-checkout',
  description: 'Shows how the code source is cloned into the instance.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    const feature = new CodeCheckout(
      makeApi(app.serviceManager.serverSettings)
    );
    // Outside the workbench there is nothing to clone, and nothing to say about it.
    void app.restored.then(() => feature.run()).catch(() => undefined);
  }
};

const datasets: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:datasets',
  description: 'Shows datasets and mounts them in the running instance.',
  autoStart: true,
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const api = makeApi(app.serviceManager.serverSettings);
    const panel = new DatasetPanel(api, pathActions(app.commands));
    app.shell.add(panel, 'left', { rank: 250 });
    restorer?.add(panel, panel.id);
    const command = CommandIds.showDatasets;
    app.commands.addCommand(command, {
      label: 'Show Datasets',
      caption: 'Look at datasets, and mount them in this instance',
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command, category: 'Workbench' });
  }
};

const widgetKeys: JupyterFrontEndPlugin<void> = {
  id: 'jupyterhub-dsw:widget-keys',
  description: 'Lets the widgets of datasets be used with the keyboard.',
  autoStart: true,
  activate: () => giveKeysToWidgets(document)
};

export default [
  saveAsImage,
  resourceStatus,
  openTerminal,
  codeCheckout,
  datasets,
  widgetKeys
];
