/** The part of the dataset panel that shows what is mounted, and takes it away. */

import type { DataModel } from './dataModel.js';
import type { IMount } from './dataTokens.js';
import { describeHolders, describeMount, isUnderWay } from './mountText.js';
import { button, group } from './nodes.js';
import { element } from './sectionList.js';

/** What Lab does with the path of a mount. */
export interface IPathActions {
  copy(path: string): void;
  /** Nothing for a folder that Lab does not serve. */
  reveal(path: string): (() => void) | undefined;
}

export function mountNodes(model: DataModel, paths: IPathActions): Node[] {
  if (!model.mounts.length) {
    return [hint(model, 'Nothing is mounted.')];
  }
  const items = model.mounts.map(mount => mountNode(model, mount, paths));
  return [group('ul', 'dsw-Mounts', items, { 'aria-label': 'Mounts' })];
}

/** A line in the place of a list that is empty, or is not known yet. */
export function hint(model: DataModel, none: string): HTMLElement {
  const waits = model.error ? '' : 'Loading…';
  const said = model.isLoaded ? none : waits;
  return element('p', 'dsw-Datasets-hint', said);
}

function mountNode(
  model: DataModel,
  mount: IMount,
  paths: IPathActions
): HTMLElement {
  const { state, kind, details } = describeMount(mount);
  const badge = element('span', `dsw-Badge dsw-mod-${kind}`, state);
  badge.setAttribute('role', 'status');
  const title = element('span', 'dsw-Mounts-name', mount.name);
  const node = group('li', 'dsw-Mounts-item', [
    group('div', 'dsw-Mounts-head', [title, badge]),
    element('code', 'dsw-Mounts-path', mount.target)
  ]);
  if (mount.state === 'Mounting' && mount.percent !== null) {
    const bar = element('progress', '') as HTMLProgressElement;
    bar.setAttribute('max', '100');
    bar.setAttribute('value', String(mount.percent));
    bar.setAttribute('aria-label', `Mounting ${mount.name}`);
    node.append(bar);
  }
  if (details) {
    node.append(element('p', 'dsw-Datasets-hint', details));
  }
  node.append(...problems(model, mount), actions(model, mount, paths));
  return node;
}

function problems(model: DataModel, mount: IMount): HTMLElement[] {
  const holders = describeHolders(mount);
  const refusal = model.refusalOf(mount);
  return [holders, refusal].filter(Boolean).map(text => {
    const node = element('p', 'dsw-Datasets-error', text);
    node.setAttribute('role', 'alert');
    return node;
  });
}

function actions(
  model: DataModel,
  mount: IMount,
  paths: IPathActions
): HTMLElement {
  const { id, name, target } = mount;
  const buttons = [
    button({
      label: 'Copy path',
      key: `copy:${id}`,
      name: `Copy the path of ${name}`,
      run: () => paths.copy(target)
    })
  ];
  const reveal = paths.reveal(target);
  if (reveal && mount.state === 'Mounted') {
    buttons.push(
      button({
        label: 'Open folder',
        key: `folder:${id}`,
        name: `Open the folder of ${name} in the file browser`,
        run: reveal
      })
    );
  }
  if (mount.kind === 'dynamic') {
    const isGoing = mount.state === 'Unmounting';
    const label = mount.state === 'Failed' ? 'Remove' : 'Unmount';
    buttons.push(
      button({
        label: isGoing ? 'Unmounting…' : label,
        key: `unmount:${id}`,
        name: `${label} ${name}`,
        isDisabled: isGoing,
        run: () => model.unmount(mount, false)
      })
    );
  }
  if (!isUnderWay(mount) && describeHolders(mount)) {
    buttons.push(
      button({
        label: 'Unmount all the same',
        key: `force:${id}`,
        name: `Unmount ${name} all the same`,
        className: 'dsw-mod-danger',
        run: () => model.unmount(mount, true)
      })
    );
  }
  return group('div', 'dsw-Datasets-actions', buttons);
}
