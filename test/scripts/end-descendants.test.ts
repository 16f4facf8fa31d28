import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, vi } from "vitest";
import { endDescendants } from "../../scripts/runtime/end-descendants.ts";
import { descendantsOf } from "../../scripts/runtime/process-table.ts";

it("what hangs is ended with all that it has started, whatever it does about signals", async () => {
  const child = spawn("sh", ["-c", "trap '' TERM INT; (sleep 31 & sleep 32) & wait"]);
  const exited = once(child, "exit");
  const below = () => descendantsOf(process.pid).filter(({ command }) => /^sleep 3[12]$/.test(command));
  await vi.waitFor(() => expect(below()).toHaveLength(2), 5_000);
  const grandchildren = below().map(({ pid }) => pid);
  endDescendants();
  expect((await exited)[1]).toBe("SIGKILL");
  await vi.waitFor(() =>
    expect(
      descendantsOf(1).filter(({ pid, command }) => grandchildren.includes(pid) && command !== ""),
    ).toEqual([]),
  );
});
