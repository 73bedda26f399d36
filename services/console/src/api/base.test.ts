import { afterEach, describe, expect, it, vi } from "vitest";

import { apiUrl, loginUrl, logoutUrl } from "./base";

const at = (baseURI: string) => vi.stubGlobal("document", { baseURI });

afterEach(() => vi.unstubAllGlobals());

describe("addresses", () => {
  it.each(["http://hub.example/services/dsw/", "http://hub.example/team/jupyter/services/dsw/"])(
    "follow the page at %s",
    (page) => {
      at(`${page}#/images`);
      expect(apiUrl("events/stream")).toBe(`${page}api/events/stream`);
      expect(logoutUrl()).toBe(`${page}logout`);
    },
  );

  it("bring the user back to the view after the login", () => {
    at("http://hub.example/services/dsw/#/instances/dsw-a");
    const next = { pathname: "/services/dsw/", search: "", hash: "#/instances/dsw-a" };
    const url = new URL(loginUrl(next));
    expect(url.pathname).toBe("/services/dsw/login");
    expect(url.searchParams.get("next")).toBe("/services/dsw/#/instances/dsw-a");
  });
});
