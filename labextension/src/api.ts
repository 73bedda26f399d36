/** How the routes of the server extension are called, and what their refusals mean. */

import type {
  IDataApi,
  IDataset,
  IFileEntry,
  IMount,
  IMountRequest,
  IPage,
  IPreview
} from './dataTokens.js';
import type {
  IApi,
  ICodeProgress,
  IForecast,
  IMetrics,
  IReport,
  ISnapshot,
  ISnapshotAsk,
  ISnapshotRequest
} from './tokens.js';

/** As much of `fetch` as is needed; the path is below `{base_url}dsw/api/`. */
export type Fetch = (
  path: string,
  init: { method: string; body?: string }
) => Promise<Response>;

/** A refusal: its message is a sentence for people. Status 0 is no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string
  ) {
    super(message);
  }

  /** Whether asking again later may help. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export class Api implements IApi, IDataApi {
  constructor(private _fetch: Fetch) {}

  metrics(): Promise<IMetrics> {
    return this._call('GET', 'metrics');
  }

  code(): Promise<ICodeProgress> {
    return this._call('GET', 'code');
  }

  instance(): Promise<{ display_name: string }> {
    return this._call('GET', 'instance');
  }

  async snapshots(): Promise<ISnapshot[]> {
    const page = await this._call<{ items: ISnapshot[] }>('GET', 'snapshots');
    return page.items;
  }

  snapshot(id: string): Promise<ISnapshot> {
    return this._call('GET', `snapshots/${encodeURIComponent(id)}`);
  }

  forecast(ask: ISnapshotAsk): Promise<IForecast> {
    return this._call('POST', 'snapshots/forecast', JSON.stringify(ask));
  }

  save(request: ISnapshotRequest): Promise<ISnapshot> {
    return this._call('POST', 'snapshots', JSON.stringify(request));
  }

  cancel(id: string): Promise<ISnapshot> {
    return this._call('POST', `snapshots/${encodeURIComponent(id)}/cancel`);
  }

  async report(id: string): Promise<IReport> {
    const path = `snapshots/${encodeURIComponent(id)}/report`;
    return (await this._call<{ report: IReport }>('GET', path)).report;
  }

  datasets(cursor = ''): Promise<IPage<IDataset>> {
    return this._call('GET', asking('datasets', { limit: '200', cursor }));
  }

  files(
    dataset: string,
    path: string,
    cursor = ''
  ): Promise<IPage<IFileEntry>> {
    const place = `datasets/${encodeURIComponent(dataset)}/files`;
    return this._call('GET', asking(place, { path, limit: '100', cursor }));
  }

  preview(dataset: string, path: string): Promise<IPreview> {
    const place = `datasets/${encodeURIComponent(dataset)}/preview`;
    return this._call('GET', asking(place, { path }));
  }

  async mounts(): Promise<IMount[]> {
    const place = asking('mounts', { limit: '200' });
    const page = await this._call<IPage<IMount>>('GET', place);
    return page.items.filter(mount => mount.ended_at === null);
  }

  mount(id: string, wait: number): Promise<IMount> {
    const place = `mounts/${encodeURIComponent(id)}`;
    return this._call('GET', asking(place, { wait: String(wait) }));
  }

  addMount(request: IMountRequest): Promise<IMount> {
    return this._call('POST', 'mounts', JSON.stringify(request));
  }

  async removeMount(id: string, force: boolean): Promise<void> {
    const place = `mounts/${encodeURIComponent(id)}`;
    await this._call('DELETE', asking(place, { force: force ? 'true' : '' }));
  }

  private async _call<T>(
    method: string,
    path: string,
    body?: string
  ): Promise<T> {
    let response: Response;
    try {
      response = await this._fetch(path, { method, body });
    } catch {
      throw new ApiError(0, 'The instance does not answer.');
    }
    if (!response.ok) {
      throw new ApiError(response.status, await sentence(response));
    }
    const text = await response.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }
}

/** A path with a query of what is not empty. */
function asking(path: string, values: Record<string, string>): string {
  const given = Object.entries(values).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  return query ? `${path}?${query}` : path;
}

async function sentence(response: Response): Promise<string> {
  try {
    const problem = await response.json();
    const text = problem.detail ?? problem.message;
    if (typeof text === 'string' && text) {
      return text;
    }
  } catch {
    // Not the extension's own answer: a proxy's page says nothing to a user.
  }
  return `The instance answered with status ${response.status}.`;
}
