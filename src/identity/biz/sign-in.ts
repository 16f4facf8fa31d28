import { CodedError } from "../../contracts/errors.ts";
import type { LoginInput, TokenGrant } from "../../contracts/identity.ts";
import { foldEmail } from "./fold-email.ts";
import { awaitsSecret, type OperatorAccount } from "./operator-account.ts";
import type { AccountStore, LoginAttempts, OperatorSecret, PasswordHasher } from "./ports.ts";
import type { Sessions } from "./sessions.ts";

export interface SignInDeps {
  readonly accounts: Pick<AccountStore, "byEmail">;
  readonly hasher: PasswordHasher;
  readonly operator: OperatorSecret;
  readonly operatorAccount: Pick<OperatorAccount, "upToDate" | "judged" | "make">;
  readonly sessions: Pick<Sessions, "open">;
  readonly attempts: LoginAttempts;
}

/** Login: the same work and the same answer whether the e-mail or the password is wrong. Failed ones are counted, also for e-mails that nobody has. */
export function createSignIn({ accounts, hasher, operator, operatorAccount, sessions, attempts }: SignInDeps) {
  return async function signIn(input: LoginInput, clientAddress: string): Promise<TokenGrant> {
    const email = foldEmail(input.email);
    const attempt = await attempts.begin(email, clientAddress);
    const account = await operatorAccount.upToDate(await accounts.byEmail(email));
    const passwordFits = await hasher.verify(input.password, account?.passwordHash ?? null);
    const isOperator = operator.matches(email, input.password);
    if (account !== null) await operatorAccount.judged(account, input.password, passwordFits);
    const signedIn =
      account === null || awaitsSecret(account)
        ? isOperator && (await operatorAccount.make(account, email, input.password))
        : passwordFits && account;
    const grant = signedIn === false ? null : await sessions.open(signedIn);
    if (grant === null) throw new CodedError("UNAUTHENTICATED", "E-mail or password is wrong");
    attempt.succeeded();
    return grant;
  };
}
