import { describe, expect, it } from "vitest";
import { observationOf } from "../../../testbed/cost/observation.ts";

describe("what is kept of a worker's logs and spans", () => {
  it("is every line and every invocation where it is only switched on", () => {
    expect(observationOf({ enabled: true })).toEqual({ lines: 1, invocations: 1, spans: 0 });
  });

  it("is nothing where it is off or says nothing", () => {
    expect(observationOf({})).toEqual({ lines: 0, invocations: 0, spans: 0 });
    expect(observationOf({ enabled: false })).toEqual({ lines: 0, invocations: 0, spans: 0 });
    expect(observationOf({ enabled: true, logs: { enabled: false } }).lines).toBe(0);
  });

  it("is no invocation where those are switched off", () => {
    const observed = observationOf({ enabled: true, logs: { enabled: true, invocation_logs: false } });
    expect(observed).toEqual({ lines: 1, invocations: 0, spans: 0 });
  });

  it("is the share that is sampled, lines and invocations alike", () => {
    expect(observationOf({ enabled: true, head_sampling_rate: 0.1 })).toEqual({
      lines: 0.1,
      invocations: 0.1,
      spans: 0,
    });
    const own = observationOf({ enabled: true, head_sampling_rate: 0.1, logs: { head_sampling_rate: 0.5 } });
    expect(own.lines).toBe(0.5);
  });

  it("is spans where they are asked for, by a share of their own", () => {
    expect(observationOf({ enabled: true, traces: { enabled: true } }).spans).toBe(1);
    const sampled = { enabled: true, traces: { enabled: true, head_sampling_rate: 0.05 } };
    expect(observationOf(sampled).spans).toBe(0.05);
    expect(observationOf({ enabled: true, traces: { head_sampling_rate: 0.05 } }).spans).toBe(0);
  });
});
