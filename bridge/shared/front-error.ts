/**
 * Why a request as a whole is answered with an error: its HTTP status, and the text of
 * `{"error":…}`.
 */
export class FrontError extends Error {
  override readonly name = "FrontError";
  readonly status: number;

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}
