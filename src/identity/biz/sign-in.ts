import { CodedError } from "../../contracts/errors.ts";
import type { LoginGrant, LoginInput } from "../../contracts/identity.ts";
import type { Clock } from "../../resilience/clock.ts";
import { foldEmail } from "./fold-email.ts";
import type { PasswordCheck } from "./password-check.ts";
import type { Account, AccountStore, DeviceTokens, FailureCounts, OperatorSecret, PasswordHasher, SecretSource } from "./ports.ts";
import type { Sessions } from "./sessions.ts";

export interface SignInDeps {
  readonly accounts: AccountStore;
  readonly passwords: Pick<PasswordCheck, "look">;
  readonly operator: OperatorSecret;
  readonly secrets: SecretSource;
  readonly sessions: Pick<Sessions, "open">;
  readonly failures: Pick<FailureCounts, "ofLogin">;
  readonly devices: DeviceTokens;
  readonly now: Clock;
}

/**
 * Login: the same work and the same answer whether the e-mail or the password is wrong. Failed ones are counted, also for e-mails that nobody has; who
 * brings the token of an earlier login is counted apart from strangers, and let in where they are refused.
 */
export function createSignIn({ accounts, passwords, operator, secrets, sessions, failures, devices, now }: SignInDeps) {
  return async function signIn(input: LoginInput, clientAddress: string): Promise<LoginGrant> {
    const email = foldEmail(input.email);
    const account = await accounts.byEmail(email);
    const device = await devices.read(input.deviceToken, account);
    const count = await failures.ofLogin({ email, clientAddress, device });
    const signedIn = await passwords.look(clientAddress, count, async (hasher) => {
      const passwordFits = await hasher.verify(input.password, account?.passwordHash ?? null);
      const isOperator = operator.matches(email, input.password);
      if (account === null) return isOperator ? makeOperator(hasher, email, input.password) : null;
      return passwordFits ? account : null;
    });
    const grant = signedIn === null ? null : await sessions.open(signedIn);
    if (signedIn === null || grant === null) throw new CodedError("UNAUTHENTICATED", "E-mail or password is wrong");
    return { ...grant, deviceToken: await devices.issue(signedIn, device) };
  };

  /** The operator's account, made now. Where another login was faster, its account counts, and the password has to fit that one. */
  async function makeOperator(hasher: PasswordHasher, email: string, password: string): Promise<Account | null> {
    const fresh: Account = {
      id: secrets.newId(),
      email,
      passwordHash: await hasher.hash(password),
      roles: ["admin"],
      createdAtMs: now(),
    };
    if (await accounts.add(fresh)) return fresh;
    const faster = await accounts.byEmail(email);
    return faster !== null && (await hasher.verify(password, faster.passwordHash)) ? faster : null;
  }
}
