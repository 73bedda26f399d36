/** How the code source comes into the instance: followed to its end, which is told once. */

import { ApiError } from './api.js';
import type { IProgress } from './progress.js';
import type { IApi, ICodeProgress } from './tokens.js';
import type { Wait } from './follower.js';

const PERIOD = 2000;
const KEY = 'jupyterhub-dsw:code-checkout';

/** As much of the browser's storage as is needed. */
export type Memory = Pick<Storage, 'getItem' | 'setItem'>;

/** What the user is told, if anything. */
export function describeCheckout(code: ICodeProgress): IProgress | undefined {
  if (code.state === 'Cloning') {
    const into = code.directory ? ` into ${code.directory}` : '';
    const share = code.percent === null ? '' : `: ${code.percent} %`;
    return { kind: 'in-progress', message: `Cloning the code${into}${share}` };
  }
  if (!code.message) {
    return undefined;
  }
  const kind = code.state === 'Failed' ? 'error' : 'success';
  return { kind, message: code.message };
}

/**
 * Resolves when the clone has ended. The end is told once in a browser, however often Lab is
 * loaded, unless its beginning was seen.
 *
 * @param show - Called with every change; with nothing when there is nothing to tell any more.
 */
export async function followCheckout(
  api: Pick<IApi, 'code'>,
  memory: Memory,
  show: (progress: IProgress | undefined) => void,
  wait: Wait
): Promise<void> {
  let said = '';
  for (;;) {
    const code = await answer(api);
    const told = code && describeCheckout(code);
    if (code && code.state !== 'Cloning') {
      const isNew = memory.getItem(KEY) !== code.ended_at;
      if (said || (told && isNew)) {
        memory.setItem(KEY, code.ended_at);
        show(told);
      }
      return;
    }
    if (told && told.message !== said) {
      said = told.message;
      show(told);
    }
    await wait(PERIOD);
  }
}

async function answer(
  api: Pick<IApi, 'code'>
): Promise<ICodeProgress | undefined> {
  try {
    return await api.code();
  } catch (error) {
    if (error instanceof ApiError && error.isTemporary) {
      return undefined;
    }
    throw error;
  }
}
