/** Shapes of datasets and mounts that the features share; importing this has no effect. */

export type Access = 'ro' | 'rw';

/** A dataset; `writable`: it may be mounted to write, `browsable`: its files can be listed. */
export interface IDataset {
  id: string;
  name: string;
  description: string;
  labels: Record<string, string>;
  kind: string;
  uri: string;
  owner: string;
  version: number;
  writable: boolean;
  browsable: boolean;
}

/** One entry of a folder; `path` is below the dataset, `size` in bytes, of files. */
export interface IFileEntry {
  name: string;
  path: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  size: number | null;
}

/** The beginning of a file. */
export interface IPreview {
  path: string;
  kind: 'text' | 'table' | 'image' | 'none';
  media_type: string;
  size: number | null;
  text: string;
  columns: string[];
  rows: string[][];
  total_rows: number | null;
  truncated: boolean;
  message: string;
}

/** A part of a list, and where the next one begins. */
export interface IPage<T> {
  items: T[];
  next: string | null;
}

export type MountState =
  'Mounting' | 'Mounted' | 'Degraded' | 'Unmounting' | 'Unmounted' | 'Failed';

/** A mount in this instance; `holders` are the processes that kept it from being unmounted. */
export interface IMount {
  id: string;
  dataset_id: string;
  dataset_name: string;
  version: number;
  kind: 'static' | 'dynamic';
  name: string;
  target: string;
  access: Access;
  keep: boolean;
  state: MountState;
  reason: string;
  message: string;
  percent: number | null;
  holders: { pid: number; command: string }[];
  ended_at: string | null;
}

/** What is sent to mount a dataset. */
export interface IMountRequest {
  dataset: string;
  access: Access;
  keep: boolean;
}

/** The routes of the server extension for data, whoever carries them. */
export interface IDataApi {
  datasets(cursor?: string): Promise<IPage<IDataset>>;
  files(
    dataset: string,
    path: string,
    cursor?: string
  ): Promise<IPage<IFileEntry>>;
  preview(dataset: string, path: string): Promise<IPreview>;
  mounts(): Promise<IMount[]>;
  /** Answers after at most `wait` seconds in which it was still being mounted or unmounted. */
  mount(id: string, wait: number): Promise<IMount>;
  addMount(request: IMountRequest): Promise<IMount>;
  removeMount(id: string, force: boolean): Promise<void>;
}
