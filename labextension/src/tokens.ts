/** Names and shapes that the features share; importing this has no effect. */

export namespace CommandIds {
  export const saveAsImage = 'jupyterhub-dsw:save-as-image';
  /** Lab's own. */
  export const createTerminal = 'terminal:create-new';
}

/** What is sent to save this instance. */
export interface ISnapshotRequest {
  name: string;
  description: string;
}

export type SnapshotState =
  | 'Preparing'
  | 'Copying'
  | 'Freezing'
  | 'Pushing'
  | 'Saved'
  | 'Failed'
  | 'Cancelled';

/** A snapshot and how far it is; bytes count the layer before compression. */
export interface ISnapshot {
  id: string;
  name: string;
  state: SnapshotState;
  message: string;
  bytes_done: number;
  bytes_total: number | null;
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
  save(request: ISnapshotRequest): Promise<ISnapshot>;
  cancel(id: string): Promise<ISnapshot>;
}
