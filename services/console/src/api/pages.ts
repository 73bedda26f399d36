/** Lists that come in pages: all of them at once, for what is kept live. */

export interface Page<T> {
  items: T[];
  /** Cursor of the page after this one; nothing at the end. */
  next?: string | null;
}

export type Cursor = string | null;

/** The longest page that the API gives. */
export const LONGEST = 1000;

/** Every item of a list, page by page. */
export async function everyItem<T>(read: (cursor: Cursor) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: Cursor = null; ; ) {
    const page: Page<T> = await read(cursor);
    items.push(...page.items);
    if (!page.next) return items;
    cursor = page.next;
  }
}
