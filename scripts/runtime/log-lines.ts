import type { WorkerdStructuredLog } from "miniflare";
import type { LogFile } from "./log-file.ts";
import { RepeatFold } from "./repeat-fold.ts";

const SWEEP_MS = 1_000;
const KIND_LENGTH_MAX = 80;

/**
 * Takes the workers' log: all lines go to the file, what needs eyes also to the terminal, a kind at
 * a time.
 */
export interface LogLines {
  readonly take: (entry: WorkerdStructuredLog) => void;
  readonly stop: () => void;
}

export function logLines(file: LogFile, complain: (text: string) => void): LogLines {
  const fold = new RepeatFold({ show: complain, now: () => performance.now() });
  const timer = setInterval(() => fold.sweep(), SWEEP_MS).unref();
  return {
    take: ({ level, message, timestamp }) => {
      file.write(message.startsWith("{") ? message : JSON.stringify({ level, at: timestamp, message }));
      if (level === "error" || level === "warn") fold.take(kindOf(message), message);
    },
    stop: () => clearInterval(timer),
  };
}

/** What a line is about: who says it and what has happened, without the request it happened to. */
function kindOf(message: string): string {
  try {
    const { worker, event, upstream, code } = JSON.parse(message) as Readonly<Record<string, unknown>>;
    const parts = [worker, event, upstream, code].filter((part) => typeof part === "string");
    if (parts.length > 0) return parts.join(" ");
  } catch {
    // A line that is not ours, the runtime's own for example.
  }
  return message.slice(0, KIND_LENGTH_MAX);
}
