import { describe, expect, it } from "vitest";
import { withoutBindings } from "../../scripts/tooling/without-bindings.ts";

const TOML = `name = "history"
main = "worker.ts"

[[services]]
binding = "REALTIME"
service = "realtime"
entrypoint = "Push"

[[services]]
binding = "IDENTITY"
service = "identity"

[[durable_objects.bindings]]
name = "COMET"
class_name = "Comet"
script_name = "realtime"

[vars]
NEXT = "realtime"
`;

describe("the config of a first pass", () => {
  it("lacks the bindings to workers that don't exist yet, and nothing else", () => {
    const result = withoutBindings(TOML, ["realtime"]);
    expect(result).not.toContain("REALTIME");
    expect(result).not.toContain("COMET");
    expect(result).toBe(`name = "history"
main = "worker.ts"

[[services]]
binding = "IDENTITY"
service = "identity"

[vars]
NEXT = "realtime"
`);
  });

  it("is the config itself where nothing is missing", () => {
    expect(withoutBindings(TOML, [])).toBe(TOML);
  });
});
