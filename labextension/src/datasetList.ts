/** The part of the dataset panel that lists datasets, and mounts the chosen one. */

import type { DataModel } from './dataModel.js';
import type { Access, IDataset } from './dataTokens.js';
import { fileNodes } from './fileList.js';
import { hint } from './mountList.js';
import { describeMount } from './mountText.js';
import { button, group } from './nodes.js';
import { element } from './sectionList.js';

/** How the chosen dataset is to be mounted, as the form says. */
export interface IMountForm {
  access: Access;
  keep: boolean;
}

export function datasetNodes(model: DataModel, form: IMountForm): Node[] {
  const { shown, datasets } = model;
  if (!shown.length) {
    const none = datasets.length
      ? 'No dataset fits the filter.'
      : 'There are no datasets. They are registered in the console.';
    return [hint(model, none)];
  }
  const items = shown.map(dataset => datasetNode(model, dataset, form));
  return [
    group('ul', 'dsw-Datasets-list', items, { 'aria-label': 'Datasets' })
  ];
}

function datasetNode(
  model: DataModel,
  dataset: IDataset,
  form: IMountForm
): HTMLElement {
  const isOpen = model.chosen?.id === dataset.id;
  const states = model
    .mountsOf(dataset)
    .map(mount => describeMount(mount).state);
  const facts = [dataset.kind, `v${dataset.version}`, ...states].join(', ');
  const head = button({
    label: '',
    key: `dataset:${dataset.id}`,
    className: 'dsw-Datasets-head',
    run: () => model.choose(dataset)
  });
  head.setAttribute('aria-expanded', String(isOpen));
  head.append(
    element('span', 'dsw-Datasets-name', dataset.name),
    element('span', 'dsw-Datasets-facts', facts)
  );
  const node = group('li', '', [head]);
  if (isOpen) {
    const label = { role: 'group', 'aria-label': dataset.name };
    const parts = [...about(dataset), ...mountForm(model, dataset, form)];
    const files = fileNodes(model, dataset);
    node.append(
      group('div', 'dsw-Datasets-details', [...parts, ...files], label)
    );
  }
  return node;
}

function about(dataset: IDataset): HTMLElement[] {
  const labels = Object.entries(dataset.labels).map(([key, value]) =>
    value ? `${key}=${value}` : key
  );
  const facts = [dataset.uri, `by ${dataset.owner}`, ...labels].join(', ');
  const nodes = [element('p', 'dsw-Datasets-hint', facts)];
  if (dataset.description) {
    nodes.unshift(element('p', '', dataset.description));
  }
  return nodes;
}

function mountForm(
  model: DataModel,
  dataset: IDataset,
  form: IMountForm
): HTMLElement[] {
  const own = model
    .mountsOf(dataset)
    .some(({ kind, state }) => kind === 'dynamic' && state !== 'Failed');
  if (own) {
    return [];
  }
  const parts: Node[] = dataset.writable ? [accessChoice(form)] : [];
  parts.push(
    keepChoice(form),
    button({
      label: model.isMounting ? 'Mounting…' : 'Mount',
      key: 'mount:',
      name: `Mount ${dataset.name}`,
      className: 'dsw-mod-accept',
      isDisabled: model.isMounting,
      run: () =>
        model.mount({
          access: dataset.writable ? form.access : 'ro',
          keep: form.keep
        })
    })
  );
  const nodes = [group('div', 'dsw-Datasets-actions', parts)];
  if (model.refusal) {
    const alert = element('p', 'dsw-Datasets-error', model.refusal);
    alert.setAttribute('role', 'alert');
    nodes.push(alert);
  }
  return nodes;
}

function accessChoice(form: IMountForm): HTMLElement {
  const select = document.createElement('select');
  select.className = 'jp-mod-styled';
  select.dataset.key = 'access:';
  select.setAttribute('aria-label', 'Access');
  for (const [value, label] of [
    ['ro', 'Read only'],
    ['rw', 'Read and write']
  ]) {
    const option = new Option(label, value);
    option.toggleAttribute('selected', form.access === value);
    select.add(option);
  }
  select.addEventListener('change', () => {
    form.access = select.value as Access;
  });
  return select;
}

function keepChoice(form: IMountForm): HTMLElement {
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.dataset.key = 'keep:';
  box.toggleAttribute('checked', form.keep);
  box.addEventListener('change', () => {
    form.keep = box.checked;
  });
  const title = 'It is mounted again when the instance starts';
  return group('label', 'dsw-Datasets-keep', [box, 'Keep for the next start'], {
    title
  });
}
