import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import { parseIdempotencyKey } from "../../src/contracts/idempotency-key.ts";

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const key = fc.array(visible, { minLength: 1, maxLength: 128 }).map((characters) => characters.join(""));
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

describe("an idempotency key", () => {
  it("is the same bare and quoted, and every visible character may be in it", () => {
    fc.assert(
      fc.property(key, (text) => {
        expect(parseIdempotencyKey(quoted(text))).toBe(text);
      }),
    );
    fc.assert(
      fc.property(
        key.filter((text) => !text.startsWith('"')),
        (text) => {
          expect(parseIdempotencyKey(` ${text} `)).toBe(text);
        },
      ),
    );
  });

  it("has the parameters that a structured field may have, and they change nothing", () => {
    for (const more of [";a", "; a=1", ";a=b;c=?1", ';a="x;\\"y"', ";*x.y-z_1=:YQ==:", "  "])
      expect(parseIdempotencyKey(`"k-1"${more}`)).toBe("k-1");
  });

  it.each(['"k";', '"k" ;a', '"k";A=1', '"k";a=', '"k";a="x', '"k", "l"', '"k";a="b"c'])(
    "with what is no parameter is refused: %j",
    (header) => {
      expect(() => parseIdempotencyKey(header)).toThrow("Idempotency-Key must be");
    },
  );

  it.each([
    null,
    undefined,
    "",
    "  ",
    '""',
    "two words",
    "x".repeat(129),
    `"${"x".repeat(129)}"`,
    '"open',
    '"a"b"',
    "ä",
    '"\\a"',
  ])("is refused as malformed: %j", (header) => {
    let code: string | null = null;
    try {
      parseIdempotencyKey(header);
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe("MALFORMED");
  });
});
