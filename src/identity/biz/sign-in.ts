import { CodedError } from "../../contracts/errors.ts";
import type { LoginInput, TokenGrant } from "../../contracts/identity.ts";
import type { Clock } from "../../resilience/clock.ts";
import { foldEmail } from "./fold-email.ts";
import type { Account, AccountStore, LoginAttempts, OperatorSecret, PasswordHasher, SecretSource } from "./ports.ts";
import type { Sessions } from "./sessions.ts";

export interface SignInDeps {
  readonly accounts: AccountStore;
  readonly hasher: PasswordHasher;
  readonly operator: OperatorSecret;
  readonly secrets: SecretSource;
  readonly sessions: Pick<Sessions, "open">;
  readonly attempts: LoginAttempts;
  readonly now: Clock;
}

/** Login: the same work and the same answer whether the e-mail or the password is wrong. Failed ones are counted, also for e-mails that nobody has. */
export function createSignIn({ accounts, hasher, operator, secrets, sessions, attempts, now }: SignInDeps) {
  return async function signIn(input: LoginInput, clientAddress: string): Promise<TokenGrant> {
    const email = foldEmail(input.email);
    const attempt = await attempts.begin(email, clientAddress);
    const account = await accounts.byEmail(email);
    const passwordFits = await hasher.verify(input.password, account?.passwordHash ?? null);
    const isOperator = operator.matches(email, input.password);
    const signedIn = account === null ? isOperator && (await makeOperator(email, input.password)) : passwordFits && account;
    const grant = signedIn === false ? null : await sessions.open(signedIn);
    if (grant === null) throw new CodedError("UNAUTHENTICATED", "E-mail or password is wrong");
    attempt.succeeded();
    return grant;
  };

  /** The operator's account, made now. Where another login was faster, its account counts, and the password has to fit that one. */
  async function makeOperator(email: string, password: string): Promise<Account | false> {
    const fresh: Account = {
      id: secrets.newId(),
      email,
      passwordHash: await hasher.hash(password),
      roles: ["admin"],
      createdAtMs: now(),
    };
    if (await accounts.add(fresh)) return fresh;
    const faster = await accounts.byEmail(email);
    return faster !== null && (await hasher.verify(password, faster.passwordHash)) && faster;
  }
}
