import { createHash, timingSafeEqual } from "node:crypto";
import type { OperatorSecret } from "../biz/ports.ts";

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** The operator as the secrets name them; an empty e-mail or password names nobody. `email` is case-folded already. */
export function operatorSecret(email: string, password: string): OperatorSecret {
  const exists = email !== "" && password !== "";
  const emailDigest = digest(email);
  const passwordDigest = digest(password);
  return {
    isEmail: (candidate) => exists && candidate === email,
    matches(candidateEmail, candidatePassword) {
      // Digests have one length, so the comparison tells nothing of the secret's; both are compared whatever the first one says.
      const emailFits = timingSafeEqual(digest(candidateEmail), emailDigest);
      const passwordFits = timingSafeEqual(digest(candidatePassword), passwordDigest);
      return exists && emailFits && passwordFits;
    },
  };
}
