/** The calls of the API about workspaces: their members, roles, quotas, use and audit log. */
import { apiUrl } from "./base";
import { once } from "./calls";
import { client, unwrap, unwrapTagged } from "./client";
import type { MemberPut, Quota, Registry, RolePut, WorkspaceChange, WorkspaceCreate } from "./models";
import type { operations } from "./schema";
import { everyItem, LONGEST, type Cursor } from "./pages";

type Query<name extends keyof operations> = NonNullable<operations[name]["parameters"]["query"]>;

export type UsageQuery = Query<"get_usage_services_dsw_api_usage_get">;
export type AuditQuery = Query<"get_audit_csv_services_dsw_api_audit_csv_get">;

const WORKSPACE = "/workspaces/{workspace}";
const MEMBER = "/workspaces/{workspace}/members/{username}";
const ROLE = "/workspaces/{workspace}/roles/{role}";
const QUOTA = "/workspaces/{workspace}/quotas/{resource_group}";

const of = (workspace: string) => ({ params: { path: { workspace } } });

/** A change that holds only while the object is the one of the tag. */
const when = (tag: string | null) => (tag ? { "If-Match": tag } : {});

export const workspaceCalls = {
  workspaces: (signal: AbortSignal) =>
    everyItem((cursor) =>
      unwrap(client.GET("/workspaces", { params: { query: { limit: LONGEST, cursor } }, signal })),
    ),
  readWorkspace: (id: string) => unwrapTagged(client.GET(WORKSPACE, of(id))),
  createWorkspace: (body: WorkspaceCreate, key: string) =>
    unwrap(client.POST("/workspaces", { params: once(key), body })),
  changeWorkspace: (id: string, body: WorkspaceChange, tag: string | null = null) =>
    unwrap(client.PATCH(WORKSPACE, { params: { ...of(id).params, header: when(tag) }, body })),
  deleteWorkspace: (id: string) => unwrap(client.DELETE(WORKSPACE, of(id))),

  putRegistry: (id: string, body: Registry) =>
    unwrap(client.PUT("/workspaces/{workspace}/registry", { ...of(id), body })),
  deleteRegistry: (id: string) => unwrap(client.DELETE("/workspaces/{workspace}/registry", of(id))),

  members: (id: string, cursor: Cursor, signal: AbortSignal) => {
    const params = { path: { workspace: id }, query: { cursor } };
    return unwrap(client.GET("/workspaces/{workspace}/members", { params, signal }));
  },
  putMember: (id: string, username: string, body: MemberPut) =>
    unwrap(client.PUT(MEMBER, { params: { path: { workspace: id, username } }, body })),
  removeMember: (id: string, username: string) =>
    unwrap(client.DELETE(MEMBER, { params: { path: { workspace: id, username } } })),

  roles: async (id: string, signal: AbortSignal) =>
    (await unwrap(client.GET("/workspaces/{workspace}/roles", { ...of(id), signal }))).items,
  putRole: (id: string, role: string, body: RolePut) =>
    unwrap(client.PUT(ROLE, { params: { path: { workspace: id, role } }, body })),
  deleteRole: (id: string, role: string) =>
    unwrap(client.DELETE(ROLE, { params: { path: { workspace: id, role } } })),

  quotas: async (id: string, signal: AbortSignal) =>
    (await unwrap(client.GET("/workspaces/{workspace}/quotas", { ...of(id), signal }))).items,
  readQuota: (id: string, group: string) =>
    unwrapTagged(client.GET(QUOTA, { params: { path: { workspace: id, resource_group: group } } })),
  putQuota: (id: string, group: string, body: Quota, tag: string | null) => {
    const params = { path: { workspace: id, resource_group: group }, header: when(tag) };
    return unwrap(client.PUT(QUOTA, { params, body }));
  },

  usage: (query: UsageQuery, signal: AbortSignal) =>
    unwrap(client.GET("/usage", { params: { query }, signal })),
  storage: (workspace: string, signal: AbortSignal) =>
    unwrap(client.GET("/storage", { params: { query: { workspace } }, signal })),
  audit: (query: AuditQuery, cursor: Cursor, signal: AbortSignal) =>
    unwrap(client.GET("/audit", { params: { query: { ...query, cursor, limit: 100 } }, signal })),
};

/** Address of a report as a CSV file. */
export function csvUrl(name: "usage" | "audit", query: UsageQuery | AuditQuery): string {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return apiUrl(`${name}.csv${text && `?${text}`}`);
}
