/** A reason to stop that the user can do something about: told in one line, without a stack. */
export class LaunchError extends Error {
  override readonly name = "LaunchError";
  /** 1: something outside is in the way; 2: the command line is wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { readonly cause?: unknown; readonly exitCode?: 1 | 2 } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
