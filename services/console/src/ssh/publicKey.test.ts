import { afterEach, describe, expect, it, vi } from "vitest";

import { commentOf, fingerprintOf, KEY_MAX, keyProblem, PRIVATE } from "./publicKey";

const LINE =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8w alice@laptop";

afterEach(() => vi.unstubAllGlobals());

describe("a pasted key", () => {
  it.each([
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END"],
    ["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED"],
    ["-----BEGIN PRIVATE KEY-----"],
    ["PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none"],
    ["\n\n  -----begin ec private key-----"],
    [`${LINE}\n-----BEGIN OPENSSH PRIVATE KEY-----`],
    ["b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"],
  ])("that is private is not sent: %j", (text) => {
    expect(keyProblem(text)).toBe(PRIVATE);
  });

  it("that is public is for control to judge, whatever is wrong with it", () => {
    expect(keyProblem(LINE)).toBeUndefined();
    expect(keyProblem("ssh-dss AAAA")).toBeUndefined();
    expect(keyProblem("two\nlines")).toBeUndefined();
  });

  it("that is no key at all by its size is not sent", () => {
    expect(keyProblem("x".repeat(KEY_MAX))).toBeUndefined();
    expect(keyProblem("x".repeat(KEY_MAX + 1))).toMatch(/too long/);
  });

  it("is named by its comment, which may have blanks", () => {
    expect(commentOf(LINE)).toBe("alice@laptop");
    expect(commentOf("  ssh-rsa AAAA  my old  laptop\n")).toBe("my old laptop");
    expect(commentOf("ssh-rsa AAAA")).toBe("");
  });
});

describe("a fingerprint", () => {
  it("is as ssh-keygen shows it", async () => {
    expect(await fingerprintOf(LINE)).toBe("SHA256:EokYv7EO2mSjZuVQ/m32Gmp5OJFIcZvVQAKFMNFbt+0");
  });

  it("is not there for a damaged key, or where the browser cannot compute it", async () => {
    expect(await fingerprintOf("ssh-ed25519 %%%")).toBeUndefined();
    vi.stubGlobal("crypto", {});
    expect(await fingerprintOf(LINE)).toBeUndefined();
  });
});
