import type { Logger } from "./logger.ts";

/**
 * Tells of vars that are set and do nothing any more, with what has taken their place: whoever has
 * set one believes that it works, and a worker that refused to start would be worse.
 *
 * @param gone - by the var's name what has taken its place
 */
export function tellGoneVars(env: object, gone: Readonly<Record<string, string>>, logger: Logger): void {
  for (const [name, instead] of Object.entries(gone))
    if (name in env) logger.warn("var is gone", { var: name, instead });
}
