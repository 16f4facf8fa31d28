import { describe, expect, it } from "vitest";
import { testGateway } from "../support/workers/test-gateway.ts";

/*
 * The 41 cases of the W3C's trace-context test suite (test/test.py, level 2, strict), each by its
 * name there, at the door and at the BFF behind it: what the suite sees of a service is what the
 * service sends on.
 */

const TRACE = "12345678901234567890123456789012";
const SPAN = "1234567890123456";
const UNSAMPLED = `00-${TRACE}-${SPAN}-00`;

type HeaderList = readonly (readonly [name: string, value: string])[];

interface SentOn {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
  readonly tracestate: ReadonlyMap<string, string>;
  readonly text: string;
}

/** What the BFF gets when a client sends these headers, in the order it gets them. */
async function sentOn(headers: HeaderList): Promise<SentOn> {
  const { call, forwarded } = await testGateway();
  const all = new Headers({ "content-type": "application/json" });
  for (const [name, value] of headers) all.append(name, value);
  const response = await call("/v1/account/refresh", { method: "POST", body: "{}", headers: all });
  const sent = forwarded[0]?.headers;
  const traceparent = sent?.get("traceparent") ?? "";
  expect(response.headers.get("traceparent")).toBe(traceparent);
  const [, traceId = "", spanId = "", flags = ""] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? [];
  expect(traceId).not.toMatch(/^0*$/);
  expect(spanId).not.toMatch(/^0*$/);
  const text = sent?.get("tracestate") ?? "";
  const members = text === "" ? [] : text.split(",").map((member) => member.split("=") as [string, string]);
  return { traceId, spanId, flags: Number.parseInt(flags, 16), tracestate: new Map(members), text };
}

const continues = async (...headers: HeaderList): Promise<SentOn> => {
  const sent = await sentOn(headers);
  expect(sent.traceId).toBe(TRACE);
  expect(sent.spanId).not.toBe(SPAN);
  return sent;
};
const begins = async (...headers: HeaderList): Promise<SentOn> => {
  const sent = await sentOn(headers);
  expect(headers.map(([, value]) => value).join()).not.toContain(sent.traceId);
  expect(sent.text).toBe("");
  return sent;
};
const parent = (value: string) => ["traceparent", value] as const;
const state = (value: string) => ["tracestate", value] as const;
const begin =
  (...values: readonly string[]) =>
  async (): Promise<void> => {
    for (const value of values) await begins(parent(value), state("foo=1"));
  };
/** With each of these tracestates the trace goes on, and exactly this is passed on. */
const passesOn =
  (...rows: readonly (readonly [sent: readonly string[], passedOn: string])[]) =>
  async (): Promise<void> => {
    for (const [sent, passedOn] of rows)
      expect((await continues(parent(UNSAMPLED), ...sent.map(state))).text).toBe(passedOn);
  };
const spansOf = async (count: number, ...headers: HeaderList): Promise<readonly SentOn[]> => {
  const sent = await Promise.all(Array.from({ length: count }, () => sentOn(headers)));
  expect(new Set(sent.map(({ spanId }) => spanId)).size).toBe(count);
  return sent;
};

const members = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index).padStart(2, "0"))
    .map((number) => `bar${number}=${number}`)
    .join();
const characters = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index)).join("");
const KEY = `${characters(0x61, 0x7a)}0123456789_-*/`;
const VALUE = characters(0x20, 0x2b) + characters(0x2d, 0x3c) + characters(0x3e, 0x7e);

const CASES: Readonly<Record<string, () => Promise<unknown>>> = {
  both_traceparent_and_tracestate_missing: () => begins(),
  traceparent_included_tracestate_missing: async () =>
    expect((await continues(parent(`00-${TRACE}-${SPAN}-01`))).flags).toBe(1),
  traceparent_duplicated: () =>
    begins(parent(`00-${TRACE.slice(0, -1)}1-${SPAN}-01`), parent(`00-${TRACE}-${SPAN}-01`), state("foo=1")),
  traceparent_header_name: async () => {
    for (const name of ["trace-parent", "trace.parent"]) await begins([name, UNSAMPLED], state("foo=1"));
  },
  traceparent_header_name_valid_casing: async () => {
    for (const name of ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"]) await continues([name, UNSAMPLED]);
  },
  traceparent_version_0x00: begin(
    `00-${TRACE}-${SPAN}-01.`,
    `00-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
  ),
  traceparent_version_0xcc: async () => {
    await continues(parent(`cc-${TRACE}-${SPAN}-01`));
    await continues(parent(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`));
    await begins(parent(`cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`));
  },
  traceparent_version_0xff: begin(`ff-${TRACE}-${SPAN}-01`),
  traceparent_version_illegal_characters: begin(`.0-${TRACE}-${SPAN}-01`, `0.-${TRACE}-${SPAN}-01`),
  traceparent_version_too_long: begin(`000-${TRACE}-${SPAN}-01`, `0000-${TRACE}-${SPAN}-01`),
  traceparent_version_too_short: begin(`0-${TRACE}-${SPAN}-01`),
  traceparent_trace_id_all_zero: begin(`00-${"0".repeat(32)}-${SPAN}-01`),
  traceparent_trace_id_illegal_characters: begin(
    `00-.${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE.slice(1)}.-${SPAN}-01`,
  ),
  traceparent_trace_id_too_long: begin(`00-${TRACE}3-${SPAN}-01`),
  traceparent_trace_id_too_short: begin(`00-${TRACE.slice(1)}-${SPAN}-01`),
  traceparent_parent_id_all_zero: begin(`00-${TRACE}-${"0".repeat(16)}-01`),
  traceparent_parent_id_illegal_characters: begin(
    `00-${TRACE}-.${SPAN.slice(1)}-01`,
    `00-${TRACE}-${SPAN.slice(1)}.-01`,
  ),
  traceparent_parent_id_too_long: begin(`00-${TRACE}-${SPAN}7-01`),
  traceparent_parent_id_too_short: begin(`00-${TRACE}-${SPAN.slice(1)}-01`),
  traceparent_trace_flags_illegal_characters: begin(`00-${TRACE}-${SPAN}-.0`, `00-${TRACE}-${SPAN}-0.`),
  traceparent_trace_flags_too_long: begin(`00-${TRACE}-${SPAN}-001`),
  traceparent_trace_flags_too_short: begin(`00-${TRACE}-${SPAN}-1`),
  traceparent_ows_handling: async () => {
    for (const value of [
      ` ${UNSAMPLED}`,
      `\t${UNSAMPLED}`,
      `${UNSAMPLED} `,
      `${UNSAMPLED}\t`,
      `\t ${UNSAMPLED} \t`,
    ])
      await continues(parent(value));
  },
  tracestate_included_traceparent_missing: async () => {
    for (const value of ["foo=1", "foo=1,bar=2"]) await begins(state(value));
  },
  tracestate_included_traceparent_included: passesOn([["foo=1,bar=2"], "foo=1,bar=2"]),
  tracestate_header_name: async () => {
    for (const name of ["trace-state", "trace.state"])
      expect((await continues(parent(UNSAMPLED), [name, "foo=1"])).text).toBe("");
  },
  tracestate_header_name_valid_casing: async () => {
    for (const name of ["TraceState", "TrAcEsTaTe", "TRACESTATE"])
      expect((await continues(parent(UNSAMPLED), [name, "foo=1"])).text).toBe("foo=1");
  },
  tracestate_empty_header: passesOn([[""], ""], [["foo=1", ""], "foo=1"], [["", "foo=1"], "foo=1"]),
  tracestate_multiple_headers_different_keys: passesOn([
    ["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
    "foo=1,bar=2,rojo=1,congo=2,baz=3",
  ]),
  tracestate_duplicated_keys: passesOn(
    [["foo=1,foo=1"], "foo=1,foo=1"],
    [["foo=1,foo=2"], "foo=1,foo=2"],
    [["foo=1", "foo=1"], "foo=1,foo=1"],
    [["foo=1", "foo=2"], "foo=1,foo=2"],
  ),
  tracestate_all_allowed_characters: passesOn(
    [[`${KEY}=${VALUE}`], `${KEY}=${VALUE}`],
    [[`${KEY}@a-z0-9_-*/=${VALUE}`], `${KEY}@a-z0-9_-*/=${VALUE}`],
  ),
  tracestate_ows_handling: passesOn(
    [["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"],
    [["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"],
    ...[" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"].map((value) => [[value], "foo=1"] as const),
  ),
  tracestate_key_illegal_characters: passesOn([["foo =1"], ""], [["FOO=1"], ""], [["foo.bar=1"], ""]),
  tracestate_key_illegal_vendor_format: passesOn(
    [["foo@=1,bar=2"], "foo@=1,bar=2"],
    [["@foo=1,bar=2"], ""],
    [["foo@@bar=1,bar=2"], "foo@@bar=1,bar=2"],
    [["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"],
  ),
  tracestate_member_count_limit: passesOn(
    [[members(1, 10), members(11, 20), members(21, 30), members(31, 32)], members(1, 32)],
    [[members(1, 10), members(11, 20), members(21, 30), members(31, 33)], ""],
  ),
  tracestate_key_length_limit: passesOn(
    ...[
      "z".repeat(256),
      `${"t".repeat(241)}@${"v".repeat(14)}`,
      `${"t".repeat(242)}@v`,
      `t@${"v".repeat(15)}`,
    ].map((key) => [["foo=1", `${key}=1`], `foo=1,${key}=1`] as const),
    [["foo=1", `${"z".repeat(257)}=1`], ""],
  ),
  tracestate_value_illegal_characters: passesOn([["foo=bar=baz"], ""], [["foo=,bar=3"], ""]),
  multiple_requests_with_valid_traceparent: async () => {
    for (const { traceId } of await spansOf(3, parent(UNSAMPLED))) expect(traceId).toBe(TRACE);
  },
  multiple_requests_without_traceparent: () => spansOf(3),
  multiple_requests_with_illegal_traceparent: () => spansOf(3, parent(`00-${"0".repeat(32)}-${SPAN}-01`)),
  propagates_random_flag: async () =>
    expect((await continues(parent(`00-${TRACE}-${SPAN}-02`))).flags).toBe(2),
};

describe("the gateway and the W3C's trace context", () => {
  it("have the suite's 41 cases here", () => {
    expect(Object.keys(CASES)).toHaveLength(41);
  });

  it.each(Object.entries(CASES))("%s", async (_name, holds) => {
    await expect(holds()).resolves.not.toThrow();
  });

  it("flags that nobody knows yet are not passed on as if we knew them", async () => {
    expect((await continues(parent(`00-${TRACE}-${SPAN}-ff`))).flags).toBe(3);
    expect((await continues(parent(`cc-${TRACE}-${SPAN}-fc`))).flags).toBe(0);
  });

  it("512 characters of a tracestate are passed on in whole members; what is long leaves first, then what is oldest", async () => {
    expect.hasAssertions();
    const short = members(1, 30);
    const long = `long=${"x".repeat(200)}`;
    await passesOn(
      [
        [`${short},${"k".repeat(512 - short.length - 3)}=1`],
        `${short},${"k".repeat(512 - short.length - 3)}=1`,
      ],
      [[`${long},${short},${long.replace("long", "lang")}`], `${long},${short}`],
      [
        [Array.from({ length: 32 }, (_, index) => `k${index}=${"v".repeat(20)}`).join()],
        Array.from({ length: 20 }, (_, index) => `k${index}=${"v".repeat(20)}`).join(),
      ],
    )();
  });
});
