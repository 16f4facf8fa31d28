import { describe, expect, it } from "vitest";
import { trustSeal } from "../../../src/platform/trust/trust-seal.ts";
import { internalTokenMinter } from "../../../src/platform/bff/internal-token.ts";
import { testKey } from "../../support/workers/ed25519.ts";

const ours = await testKey("gateway-1");
const theirs = await testKey("gateway-1");
const URL_OF_PAGE = "https://api.example.com/.trust/0";
const TEXT = '{"keys":["ö"]}';

describe("a page under our seal", () => {
  it("is opened by every isolate that has the key, also one that has sealed nothing", async () => {
    const sealed = await trustSeal(ours.privateJwk).seal(URL_OF_PAGE, TEXT);
    expect(sealed.endsWith(TEXT)).toBe(true);
    expect(await trustSeal(ours.privateJwk).open(URL_OF_PAGE, sealed)).toBe(TEXT);
  });

  it("is none where anything is another: the key, the name, the text, the seal", async () => {
    const seal = trustSeal(ours.privateJwk);
    const sealed = await seal.seal(URL_OF_PAGE, TEXT);
    expect(await trustSeal(theirs.privateJwk).open(URL_OF_PAGE, sealed)).toBeNull();
    expect(await seal.open("https://api.example.com/.trust/10000", sealed)).toBeNull();
    expect(await seal.open(URL_OF_PAGE, sealed.replace("ö", "o"))).toBeNull();
    expect(await seal.open(URL_OF_PAGE, `${sealed} `)).toBeNull();
    const other = sealed.startsWith("A") ? `B${sealed.slice(1)}` : `A${sealed.slice(1)}`;
    for (const bad of [other, "", ".", TEXT, "x".repeat(86), `${"!".repeat(86)}.${TEXT}`])
      expect(await seal.open(URL_OF_PAGE, bad)).toBeNull();
  });

  it("is sealed by what signs no token, though the key is the same", async () => {
    const token = await internalTokenMinter(ours.privateJwk, Date.now)(null, "playhead-app-bff");
    const [header = "", payload = "", signature = ""] = token.split(".");
    expect(await trustSeal(ours.privateJwk).open("", `${signature}.${header}.${payload}`)).toBeNull();
  });
});
