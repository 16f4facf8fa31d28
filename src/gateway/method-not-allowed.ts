import { CodedError } from "../contracts/errors.ts";
import { problemIn } from "./problem-in.ts";
import type { GatewayScope } from "./request-scope.ts";

/** The answer to a method that the path doesn't have. */
export function methodNotAllowed(scope: GatewayScope, methods: readonly string[]): Response {
  const allow = withHead(methods).join(", ");
  const error = new CodedError("METHOD_NOT_ALLOWED", `Allowed here: ${allow}`);
  return problemIn(scope, error, { headers: { allow } });
}

/** The methods as clients are told of them: whatever answers GET answers HEAD. */
export function withHead(methods: readonly string[]): string[] {
  return methods.includes("GET") ? [...methods, "HEAD"] : [...methods];
}
