/** Sections as nodes of a page. */

import { Widget } from '@lumino/widgets';
import type { ISection } from './sections.js';

export function sectionNodes(sections: ISection[]): HTMLElement[] {
  return sections.map(section => {
    const node = element('section', 'dsw-Section');
    node.classList.toggle('dsw-mod-warning', Boolean(section.isWarning));
    node.append(element('h4', '', section.title));
    if (section.advice) {
      node.append(element('p', 'dsw-Section-advice', section.advice));
    }
    const list = element('dl', '');
    for (const [thing, said] of section.rows) {
      list.append(element('dt', '', thing), element('dd', '', said));
    }
    node.append(list);
    return node;
  });
}

/** Sections as the body of a dialog. */
export class SectionList extends Widget {
  constructor(summary: string, sections: ISection[]) {
    super();
    this.addClass('dsw-SectionList');
    this.node.append(
      element('p', 'dsw-SectionList-summary', summary),
      ...sectionNodes(sections)
    );
  }
}

/** A node with a text, which is never read as HTML. */
export function element(
  tag: string,
  className: string,
  text = ''
): HTMLElement {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
