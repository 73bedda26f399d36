/** The part of the dataset panel that walks through folders and previews files. */

import type { DataModel } from './dataModel.js';
import type { IDataset, IFileEntry, IPreview } from './dataTokens.js';
import { formatBytes } from './format.js';
import { describePreview, previewTitle } from './mountText.js';
import { button, group } from './nodes.js';
import { element } from './sectionList.js';

export function fileNodes(model: DataModel, dataset: IDataset): Node[] {
  if (!dataset.browsable) {
    const advice = 'Its files can be seen once it is mounted.';
    return [element('p', 'dsw-Datasets-hint', advice)];
  }
  const { entries, next, isLoading, error } = model.folder;
  const items = entries.map(entry =>
    group('li', '', [entryNode(model, entry)])
  );
  const nodes: Node[] = [
    crumbs(model, dataset),
    group('ul', 'dsw-Files', items, {
      'aria-label': `Files of ${dataset.name}`,
      'aria-busy': String(isLoading),
      'data-scroll': `files ${dataset.id} ${model.folder.path}`
    })
  ];
  if (error) {
    nodes.push(alert(error));
  } else if (isLoading || !entries.length) {
    const said = isLoading ? 'Loading…' : 'This folder is empty.';
    nodes.push(element('p', 'dsw-Datasets-hint', said));
  }
  if (next && !isLoading) {
    const run = (): Promise<void> => model.more();
    nodes.push(button({ label: 'Show more', key: 'file:', run }));
  }
  return [...nodes, ...previewNodes(model)];
}

function crumbs(model: DataModel, dataset: IDataset): HTMLElement {
  const parts = model.folder.path.split('/').filter(Boolean);
  const folders = [dataset.name, ...parts].map((label, index) => {
    const path = parts.slice(0, index).join('/');
    const run = (): Promise<void> => model.enter(path);
    const className = 'dsw-mod-link';
    const crumb = button({ label, key: `crumb:${path}`, className, run });
    if (index === parts.length) {
      crumb.setAttribute('aria-current', 'true');
    }
    return crumb;
  });
  return group('nav', 'dsw-Crumbs', folders, { 'aria-label': 'Folder' });
}

function entryNode(model: DataModel, entry: IFileEntry): HTMLElement {
  const { name, path, kind, size } = entry;
  const what = kind === 'folder' ? 'Open the folder' : 'Preview';
  const node = button({
    label: '',
    key: `file:${path}`,
    name: `${what} ${name}`,
    className: `dsw-Files-entry dsw-mod-${kind}`,
    isDisabled: kind !== 'folder' && kind !== 'file',
    run: () => model.open(entry)
  });
  const amount = size === null || kind !== 'file' ? '' : formatBytes(size);
  node.append(
    element('span', 'dsw-Files-name', name),
    element('span', 'dsw-Files-size', amount)
  );
  return node;
}

function previewNodes(model: DataModel): Node[] {
  if (model.previewError) {
    return [alert(model.previewError)];
  }
  const preview = model.preview;
  if (!preview) {
    return [];
  }
  const close = button({
    label: '×',
    key: 'file:',
    name: 'Close the preview',
    className: 'dsw-mod-link',
    run: () => model.closePreview()
  });
  const title = element('strong', '', previewTitle(preview));
  const nodes: Node[] = [
    group('div', 'dsw-Preview-head', [title, close]),
    ...content(preview)
  ];
  const note = describePreview(preview);
  if (note) {
    nodes.push(element('p', 'dsw-Datasets-hint', note));
  }
  const label = `Preview of ${preview.path}`;
  return [group('section', 'dsw-Preview', nodes, { 'aria-label': label })];
}

function content(preview: IPreview): Node[] {
  const attributes = { tabindex: '0', 'data-scroll': 'preview' };
  if (preview.kind === 'text') {
    return [group('pre', 'dsw-Preview-content', [preview.text], attributes)];
  }
  return preview.kind === 'table'
    ? [group('div', 'dsw-Preview-content', [table(preview)], attributes)]
    : [];
}

function table({ columns, rows }: IPreview): HTMLElement {
  const head = columns.map(name => {
    const cell = element('th', '', name);
    cell.setAttribute('scope', 'col');
    return cell;
  });
  const body = rows.map(row =>
    group(
      'tr',
      '',
      row.map(value => element('td', '', value))
    )
  );
  return group('table', '', [
    group('thead', '', [group('tr', '', head)]),
    group('tbody', '', body)
  ]);
}

function alert(text: string): HTMLElement {
  const node = element('p', 'dsw-Datasets-error', text);
  node.setAttribute('role', 'alert');
  return node;
}
