import { describe, expect, it } from "vitest";
import { allowedOrigins } from "../../src/gateway/allowed-origins.ts";

describe("origins of browser apps", () => {
  it("are those listed, and no other", () => {
    const allowed = allowedOrigins(["https://app.example"]);
    expect(allowed("https://app.example")).toBe("https://app.example");
    for (const other of [
      "http://app.example",
      "https://app.example:8443",
      "https://app.example.evil",
      "http://localhost:5173",
      "null",
    ]) {
      expect(allowed(other)).toBeNull();
    }
  });

  it("are all of this machine where the list says localhost", () => {
    const allowed = allowedOrigins(["localhost", "https://app.example"]);
    for (const local of [
      "http://localhost:5173",
      "https://localhost",
      "http://127.0.0.1:3000",
      "http://[::1]:8080",
    ]) {
      expect(allowed(local)).toBe(local);
    }
    expect(allowed("https://app.example")).toBe("https://app.example");
  });

  it("are none that only look local", () => {
    const allowed = allowedOrigins(["localhost"]);
    for (const foreign of [
      "http://localhost.evil",
      "http://evil.localhost.example",
      "http://127.0.0.1.evil",
      "http://localhost@evil",
      "http://localhost/path",
      "capacitor://localhost",
      "null",
      "localhost",
      "",
    ]) {
      expect(allowed(foreign)).toBeNull();
    }
  });
});
