import { describe, expect, it } from "vitest";

import { Problem } from "./problem";
import { changeUnlessChanged, sameJson } from "./unchanged";

/** An object whose tag also changes with what is not edited. */
function server(quota: object) {
  const state = { quota, used: 0, written: 0 };
  const tagOf = () => JSON.stringify([state.quota, state.used]);
  return {
    state,
    read: async () => ({ data: { quota: state.quota }, tag: tagOf() }),
    write: (body: object) => async (tag: string | null) => {
      if (tag !== tagOf()) throw new Problem(412, "precondition_failed", "changed");
      state.quota = body;
      state.written += 1;
      return body;
    },
  };
}

describe("a change of a whole", () => {
  const seen = { cpu: 1 };

  it("is made when the edited part is as it was", async () => {
    const { state, read, write } = server(seen);
    const isSame = (now: { quota: object }) => sameJson(now.quota, seen);
    await changeUnlessChanged({ read, isSame, write: write({ cpu: 2 }) });
    expect(state.quota).toEqual({ cpu: 2 });
  });

  it("is tried again when only another part has changed meanwhile", async () => {
    const { state, read, write } = server(seen);
    let changes = 2;
    const moving = async () => {
      const answer = await read();
      if (changes-- > 0) state.used += 1;
      return answer;
    };
    await changeUnlessChanged({ read: moving, isSame: () => true, write: write({ cpu: 2 }) });
    expect(state.written).toBe(1);
  });

  it("is refused when somebody else changed the same part", async () => {
    const { state, read, write } = server({ cpu: 9 });
    const isSame = (now: { quota: object }) => sameJson(now.quota, seen);
    const change = changeUnlessChanged({ read, isSame, write: write({ cpu: 2 }) });
    await expect(change).rejects.toMatchObject({ status: 412 });
    expect(state.written).toBe(0);
  });
});
