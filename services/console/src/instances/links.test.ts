import { describe, expect, it } from "vitest";

import { appUrl, fullUrl, labUrl, portUrl, terminalUrl } from "./links";

const PAGE = "https://dsw.example.com/services/dsw/#/instances";

describe.each([
  ["a path", "/user/alice/train/", "https://dsw.example.com/user/alice/train/"],
  ["an origin of its own", "https://alice.dsw.example.com/user/alice/train/", undefined],
])("an instance at %s", (_, url, full = url) => {
  const opened = (link: string) => new URL(link, PAGE).href;

  it("has its pages below it", () => {
    expect(opened(labUrl({ url }))).toBe(`${full}lab`);
    expect(opened(terminalUrl({ url }))).toBe(`${full}lab?dsw=terminal`);
    expect(opened(portUrl({ url }, { port: 8000 }))).toBe(`${full}proxy/8000/`);
    expect(opened(appUrl({ url }, { path: "vscode/?folder=/mnt/workspace" }))).toBe(
      `${full}vscode/?folder=/mnt/workspace`,
    );
  });

  it("has one address for programs", () => {
    expect(fullUrl({ url }, PAGE)).toBe(full);
  });
});
