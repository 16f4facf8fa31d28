import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { openTerminal } from "../../scripts/runtime/terminal.ts";

const asTerminal = (stream: Writable): NodeJS.WriteStream => stream as unknown as NodeJS.WriteStream;

describe("what is told to the user", () => {
  it("goes to whoever reads it, a line at a time", () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const terminal = openTerminal(asTerminal(out), asTerminal(err));
    terminal.say("ready");
    terminal.complain("oh");
    expect([String(out.read()), String(err.read())]).toEqual(["ready\n", "oh\n"]);
  });

  it("may lose its reader, who takes nobody else along", async () => {
    const failures: string[] = [];
    const gone = (): Writable => {
      const stream = new Writable({
        write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
      });
      return stream.on("error", ({ message }) => failures.push(message));
    };
    const [out, err] = [gone(), gone()];
    const terminal = openTerminal(asTerminal(out), asTerminal(err));
    for (const stream of [out, err]) expect(stream.listenerCount("error")).toBe(2);
    for (let line = 0; line < 3; line += 1) {
      terminal.say("anybody?");
      terminal.complain("anybody?");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(failures.length).toBeGreaterThanOrEqual(2);
  });

  it("fills no memory where its reader has stopped reading", () => {
    const held = new Writable({ write: () => undefined });
    const terminal = openTerminal(asTerminal(held), asTerminal(held));
    for (let line = 0; line < 3_000; line += 1) terminal.say("x".repeat(1_000));
    expect(held.writableLength).toBeLessThan(1_100_000);
  });

  it("never waits for a terminal that was told to hold", () => {
    const asked: boolean[] = [];
    const tty = () =>
      Object.assign(new PassThrough(), {
        isTTY: true,
        _handle: { setBlocking: (on: boolean) => asked.push(on) },
      });
    openTerminal(asTerminal(tty()), asTerminal(tty()));
    expect(asked).toEqual([false, false]);
  });
});
