import { describe, expect, it } from "vitest";

import { xsrfToken } from "./xsrf";

describe("the token against forged requests", () => {
  it.each([
    ["dsw-xsrf=a%2Fb", "a/b"],
    ["other=1; dsw-xsrf=token", "token"],
    ["__Host-dsw-xsrf=own; other=1", "own"],
    ["dsw-xsrf=planted; __Host-dsw-xsrf=own", "own"],
    ["x-dsw-xsrf=no", undefined],
    ["", undefined],
  ])("of %j is read from the cookie that no other host can set", (cookies, token) => {
    expect(xsrfToken(cookies)).toBe(token);
  });
});
