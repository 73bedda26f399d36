/** The API's own types, by the names that the rest of the console uses. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Workspace = Schemas["WorkspaceView"];
export type Spec = Schemas["Spec"];
export type Image = Schemas["ImageView"];
export type ImageSource = Schemas["ImageSource"];
export type Instance = Schemas["InstanceView"];
export type InstanceState = Schemas["InstanceState"];
export type InstanceCreate = Schemas["InstanceCreate"];
export type InstanceChange = Schemas["InstanceChange"];
export type Snapshot = Schemas["SnapshotView"];
export type SnapshotState = Schemas["SnapshotState"];
export type EventLine = Schemas["EventView"];
