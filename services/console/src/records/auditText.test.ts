import { describe, expect, it } from "vitest";

import { detailText, whoText } from "./auditText";

describe("a line of the audit log", () => {
  it("says who, and with whose rights", () => {
    expect(whoText({ actor: "alice", on_behalf_of: null })).toBe("alice");
    expect(whoText({ actor: "alice", on_behalf_of: "alice" })).toBe("alice");
    expect(whoText({ actor: "dsw-abc", on_behalf_of: "alice" })).toBe("dsw-abc for alice");
  });

  it("tells its details without what is empty", () => {
    const detail = { did: "start", roles: ["admin", "guest"], disabled: false, user: null, platform_admin: true };
    expect(detailText(detail)).toBe("did: start; roles: admin, guest; disabled: false");
    expect(detailText({})).toBe("");
  });

  it("writes out what was set, sizes in words", () => {
    const limits = { instances: null, cpu: 8, memory: 16 * 1024 ** 3, gpus: {} };
    const per_role = { guest: { instances: 0, gpus: { A100: 1 } } };
    expect(detailText({ limits, per_role, storage: 1024 ** 3 })).toBe(
      "limits: cpu 8, memory 16 GiB; per_role: guest (instances 0, gpus (A100 1)); storage: 1 GiB",
    );
  });
});
