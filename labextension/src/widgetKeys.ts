/** Keys for our widgets in notebooks, whose own shortcuts would take arrows and Enter from them. */

const WIDGET = '.dsw-TakesKeys';

/**
 * Lab looks for this attribute before each shortcut, from the focused node upwards; a shortcut for
 * whatever has the focus is found there first, so that it must be on that node itself.
 */
export function giveKeysToWidgets(document: Document): void {
  document.addEventListener('focusin', event => {
    const node = event.target as Element;
    if (node.closest(WIDGET)) {
      node.setAttribute('data-lm-suppress-shortcuts', 'true');
    }
  });
}
