import { CodedError } from "../../contracts/errors.ts";
import type { LoginGrant, LoginInput } from "../../contracts/identity.ts";
import { foldEmail } from "./fold-email.ts";
import { awaitsSecret, type OperatorAccount } from "./operator-account.ts";
import type { PasswordCheck } from "./password-check.ts";
import type { Account, AccountStore, DeviceTokens, FailureCounts, OperatorSecret } from "./ports.ts";
import type { Sessions } from "./sessions.ts";

export interface SignInDeps {
  readonly accounts: Pick<AccountStore, "byEmail">;
  readonly passwords: Pick<PasswordCheck, "look">;
  readonly operator: OperatorSecret;
  readonly operatorAccount: Pick<OperatorAccount, "upToDate" | "judged" | "make">;
  readonly sessions: Pick<Sessions, "open">;
  readonly failures: Pick<FailureCounts, "ofLogin">;
  readonly devices: DeviceTokens;
}

/**
 * Login: the same work and the same answer whether the e-mail or the password is wrong. Failed ones
 * are counted, also for unknown e-mails; a device that brings the token of an earlier login is
 * counted apart from strangers, and let in where they are refused.
 */
export function createSignIn({
  accounts,
  passwords,
  operator,
  operatorAccount,
  sessions,
  failures,
  devices,
}: SignInDeps) {
  return async function signIn(input: LoginInput, clientAddress: string): Promise<LoginGrant> {
    const email = foldEmail(input.email);
    const isOperator = operator.matches(email, input.password);
    const look = async (): Promise<Account | null> => operatorAccount.upToDate(await accounts.byEmail(email));
    const found = await look();
    const device = await devices.read(input.deviceToken, found);
    const count = await failures.ofLogin({ email, clientAddress, device });
    const signedIn = await passwords.look(clientAddress, count, async (hasher) => {
      // The login before this one may have made the account that this one was to make.
      const account = isOperator && awaitsSecret(found) ? await look() : found;
      if (isOperator && awaitsSecret(account))
        return operatorAccount.make(hasher, account, email, input.password);
      const passwordFits = await hasher.verify(input.password, account?.passwordHash ?? null);
      if (account !== null) await operatorAccount.judged(account, input.password, passwordFits);
      return passwordFits ? account : null;
    });
    const grant = signedIn === null ? null : await sessions.open(signedIn);
    if (signedIn === null || grant === null)
      throw new CodedError("UNAUTHENTICATED", "E-mail or password is wrong");
    return { ...grant, deviceToken: await devices.issue(signedIn, device) };
  };
}
