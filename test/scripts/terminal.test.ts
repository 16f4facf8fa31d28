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
    const gone = (): Writable =>
      new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })) });
    const terminal = openTerminal(asTerminal(gone()), asTerminal(gone()));
    for (let line = 0; line < 3; line += 1) {
      terminal.say("anybody?");
      terminal.complain("anybody?");
      // An error of a stream without a listener would end the process, and this test.
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it("fills no memory where its reader has stopped reading", () => {
    const held = new Writable({ write: () => undefined });
    const terminal = openTerminal(asTerminal(held), asTerminal(held));
    for (let line = 0; line < 3_000; line += 1) terminal.say("x".repeat(1_000));
    expect(held.writableLength).toBeLessThan(1_100_000);
  });

  it("never waits for a terminal that was told to hold", () => {
    const asked: boolean[] = [];
    const tty = () => Object.assign(new PassThrough(), { isTTY: true, _handle: { setBlocking: (on: boolean) => asked.push(on) } });
    openTerminal(asTerminal(tty()), asTerminal(tty()));
    expect(asked).toEqual([false, false]);
  });
});
