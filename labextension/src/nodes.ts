/** Nodes of a page that are made anew after a change without losing the keyboard's place. */

import { element } from './sectionList.js';

/** What a button is: `key` tells it from the others, also after a change. */
export interface IButton {
  label: string;
  key: string;
  run: () => unknown;
  /** What it is called where the label alone does not tell. */
  name?: string;
  className?: string;
  isDisabled?: boolean;
}

export function button(options: IButton): HTMLButtonElement {
  const node = element(
    'button',
    `dsw-Button ${options.className ?? ''}`.trim(),
    options.label
  ) as HTMLButtonElement;
  node.type = 'button';
  node.dataset.key = options.key;
  node.disabled = options.isDisabled ?? false;
  if (options.name) {
    node.setAttribute('aria-label', options.name);
    node.title = options.name;
  }
  node.addEventListener('click', () => void options.run());
  return node;
}

/** A node with others in it. */
export function group(
  tag: string,
  className: string,
  children: (Node | string)[],
  attributes: Record<string, string> = {}
): HTMLElement {
  const node = element(tag, className);
  node.append(...children);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  return node;
}

/** Put these in the place of what is there, unless they are the same. */
export function replace(parent: HTMLElement, children: Node[]): void {
  const made = document.createElement('div');
  made.append(...children);
  if (made.innerHTML === parent.innerHTML) {
    return;
  }
  const active = document.activeElement;
  const key = parent.contains(active)
    ? (active as HTMLElement).dataset.key
    : undefined;
  const scrolled = [...parent.querySelectorAll<HTMLElement>('[data-scroll]')];
  const places = scrolled.map(node => [node.dataset.scroll, node.scrollTop]);
  parent.replaceChildren(...made.childNodes);
  for (const [name, top] of places) {
    const node = parent.querySelector(
      `[data-scroll="${CSS.escape(`${name}`)}"]`
    );
    if (node) {
      node.scrollTop = top as number;
    }
  }
  if (key !== undefined) {
    focus(parent, key);
  }
}

/** The same one again, or else the first of its kind: what is before the colon. */
function focus(parent: HTMLElement, key: string): void {
  const kind = `${key.split(':')[0]}:`;
  const found =
    parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ??
    parent.querySelector<HTMLElement>(`[data-key^="${CSS.escape(kind)}"]`) ??
    parent.querySelector<HTMLElement>('[data-key]');
  found?.focus();
}
