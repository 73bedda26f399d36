/** Names and shapes that the features share; importing this has no effect. */

export namespace CommandIds {
  export const saveAsImage = 'jupyterhub-dsw:save-as-image';
  export const showDatasets = 'jupyterhub-dsw:show-datasets';
  /** Lab's own. */
  export const openPath = 'filebrowser:open-path';
  /** Lab's own. */
  export const createTerminal = 'terminal:create-new';
}

/** `consistent`: the image is the instance at one moment; `live`: it is never paused. */
export type SnapshotMode = 'consistent' | 'live';

/** What a forecast is asked for. */
export interface ISnapshotAsk {
  exclude: string[];
}

/** What is sent to save this instance. */
export interface ISnapshotRequest extends ISnapshotAsk {
  name: string;
  description: string;
  mode: SnapshotMode;
  tag: string | null;
}

export type SnapshotState =
  | 'Preparing'
  | 'Copying'
  | 'Freezing'
  | 'Pushing'
  | 'Saved'
  | 'Failed'
  | 'Cancelled';

/**
 * A snapshot and how far it is; bytes count layers before compression, `rate` is in bytes a second,
 * `frozen_ms` how long the instance stood still.
 */
export interface ISnapshot {
  id: string;
  name: string;
  state: SnapshotState;
  message: string;
  bytes_done: number;
  bytes_total: number | null;
  rate: number | null;
  seconds_left: number | null;
  frozen_ms: number | null;
}

/** A path that is not part of an image, and why. */
export interface ILeftOut {
  path: string;
  reason: string;
}

/** A package that was added (nothing before), removed (nothing after) or changed. */
export interface IPackageChange {
  manager: string;
  name: string;
  before: string | null;
  after: string | null;
}

/** What a snapshot would ship: bytes before compression, entries, and what they are. */
export interface IForecast {
  size: number;
  entries: number;
  since: string | null;
  folders: { path: string; size: number; entries: number }[];
  packages: IPackageChange[];
  left_out: ILeftOut[];
  more_left_out: number;
  refused: ILeftOut[];
}

/** What was found out while an image was saved. */
export interface IReport {
  frozen_ms: number;
  changes: IPackageChange[];
  left_out: ILeftOut[];
  more_left_out: number;
  findings: { path: string; line: number; kind: string }[];
}

/** One GPU: bytes, and per cent or nothing where it is not counted. */
export interface IGpu {
  index: number;
  name: string;
  utilization: number | null;
  memory_used: number;
  memory_total: number;
}

/** Usage of this instance: CPU in per cent of `cpu_limit` cores, memory in bytes. */
export interface IMetrics {
  cpu_percent: number;
  cpu_limit: number;
  memory_used: number;
  memory_limit: number;
  oom_kills: number;
  gpus: IGpu[];
}

/** How far the clone of the code source is; without a state there is no code source. */
export interface ICodeProgress {
  state: 'Cloning' | 'Ready' | 'Failed' | null;
  directory: string;
  percent: number | null;
  message: string;
  ended_at: string;
}

/** The routes of the server extension, whoever carries them. */
export interface IApi {
  metrics(): Promise<IMetrics>;
  code(): Promise<ICodeProgress>;
  snapshots(): Promise<ISnapshot[]>;
  snapshot(id: string): Promise<ISnapshot>;
  forecast(ask: ISnapshotAsk): Promise<IForecast>;
  save(request: ISnapshotRequest): Promise<ISnapshot>;
  cancel(id: string): Promise<ISnapshot>;
  report(id: string): Promise<IReport>;
  instance(): Promise<{ display_name: string }>;
}
