/** The dataset panel in the sidebar. */

import { Poll } from '@lumino/polling';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { DataModel } from './dataModel.js';
import type { IDataApi } from './dataTokens.js';
import { datasetNodes, type IMountForm } from './datasetList.js';
import { mountNodes, type IPathActions } from './mountList.js';
import { button, group, replace } from './nodes.js';
import { element } from './sectionList.js';

const PERIOD = 5000;

export class DatasetPanel extends Widget {
  constructor(
    api: IDataApi,
    private _paths: IPathActions
  ) {
    super();
    this.id = 'jupyterhub-dsw-datasets';
    this.addClass('dsw-Datasets');
    this.title.iconClass = 'dsw-DatasetsIcon jp-SideBar-tabIcon';
    this.title.caption = 'Datasets';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Datasets');
    this._model = new DataModel(api, () => this._show());
    this._error.setAttribute('role', 'alert');
    this._filter.addEventListener('input', () =>
      this._model.setFilter(this._filter.value)
    );
    const title = group('div', 'dsw-Datasets-title', [
      element('h2', '', 'Datasets'),
      button({
        label: 'Refresh',
        key: 'refresh:',
        name: 'Refresh datasets and mounts',
        run: () => this._model.refresh()
      })
    ]);
    this.node.append(
      title,
      this._error,
      group('section', '', [
        element('h3', '', 'Mounted in this instance'),
        this._mounts
      ]),
      group('section', '', [
        element('h3', '', 'To mount'),
        this._filter,
        this._list
      ])
    );
    this._poll = new Poll({
      name: 'jupyterhub-dsw:mounts',
      auto: false,
      factory: () => this._model.poll(),
      frequency: { interval: PERIOD, backoff: true, max: 60 * 1000 },
      standby: () => document.hidden || !this.isVisible
    });
    this._show();
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this._model.refresh();
    void this._poll.start();
  }

  protected override onActivateRequest(): void {
    this._filter.focus();
  }

  private _show(): void {
    const { error } = this._model;
    this._error.textContent = error;
    this._error.hidden = !error;
    replace(this._mounts, mountNodes(this._model, this._paths));
    replace(this._list, datasetNodes(this._model, this._form));
  }

  private _model: DataModel;
  private _poll: Poll<void>;
  private _form: IMountForm = { access: 'ro', keep: false };
  private _error = element('p', 'dsw-Datasets-error');
  private _mounts = element('div', '');
  private _list = element('div', '');
  private _filter = filterField();
}

function filterField(): HTMLInputElement {
  const field = document.createElement('input');
  field.type = 'search';
  field.className = 'jp-mod-styled';
  field.placeholder = 'Name, label or kind';
  field.spellcheck = false;
  field.setAttribute('aria-label', 'Filter datasets');
  return field;
}
