import { fork } from "node:child_process";
import { setPriority } from "node:os";
import { exitOnSignals } from "../exit-on-signals.ts";

/** A process of this one that runs a file, which answers one question after the other. */
export class ChildProcess {
  readonly #child;
  readonly #died: Promise<never>;

  /** @param niceness - how much it yields to others where the machine is busy, 0 to 19 */
  constructor(file: string, niceness = 0) {
    const child = fork(file, [], { serialization: "advanced" });
    this.#child = child;
    if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
    this.#died = new Promise((_resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(new Error(`${file} ended with ${code ?? signal ?? "nothing"}`)),
      );
    });
    this.#died.catch(() => undefined);
  }

  /** Asks what the file answers to; the one before must have been answered. */
  ask<T>(question: unknown): Promise<T> {
    const answer = new Promise<T>((resolve) => {
      this.#child.once("message", (message) => resolve(message as T));
    });
    this.#child.send(question as object);
    return Promise.race([answer, this.#died]);
  }

  end(): void {
    this.#child.disconnect();
  }
}

/** What a {@link ChildProcess} runs: it answers, and ends with whoever asks. */
export function answering<Question, Answer>(work: (question: Question) => Promise<Answer>): void {
  exitOnSignals();
  process.once("disconnect", () => process.exit(0));
  process.on("message", (question) => {
    // What goes wrong ends this process, which is told to whoever has asked.
    void work(question as Question).then((answer) => process.send?.(answer));
  });
}
