import { describe, expect, it } from "vitest";

import { appsFor } from "./apps";

const app = (name: string) => ({ name, title: name, path: `${name}/` });
const endpoints = { apps: [app("tensorboard"), app("vscode"), app("mlflow")], ports: [] };
const FULL = { terminal: true };

describe("the apps of an instance", () => {
  it("are VS Code and the others, in their order", () => {
    expect(appsFor({ state: "Running", endpoints }, FULL)).toEqual({
      vscode: app("vscode"),
      others: [app("tensorboard"), app("mlflow")],
    });
    expect(appsFor({ state: "Saving", endpoints }, FULL).vscode).toBeDefined();
  });

  it.each([
    ["that is not up", { state: "Stopped", endpoints } as const, FULL],
    ["that somebody may only look at", { state: "Running", endpoints } as const, { terminal: false }],
    ["that has told nothing", { state: "Running", endpoints: null } as const, FULL],
    ["without any", { state: "Running", endpoints: { apps: [], ports: [] } } as const, FULL],
  ])("%s are none", (_, instance, rights) => {
    const { vscode, others } = appsFor(instance as Parameters<typeof appsFor>[0], rights);
    expect(vscode).toBeUndefined();
    expect(others).toEqual([]);
  });
});
