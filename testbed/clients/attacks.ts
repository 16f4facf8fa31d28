import { ApiClient } from "./api-client.ts";

/** A platform under attack, and somebody with an account of their own on it. */
export interface Target {
  readonly url: string;
  readonly attacker: { readonly token: string };
  /** Whose password is guessed. */
  readonly victimEmail: string;
}

export interface RunningAttack {
  /** What the attacker was answered, by status, once it is over. */
  readonly stop: () => Promise<Readonly<Record<string, number>>>;
}

export interface Attack {
  readonly name: string;
  readonly start: (target: Target, perSecond: number) => RunningAttack;
}

const ADDRESSES = 40;
const WRONG = "not the password";
/**
 * Nothing stands between a local gateway and its clients that would say where they call from: they
 * say it themselves, as Cloudflare's edge does.
 */
export const from = (address: string): Readonly<Record<string, string>> => ({ "cf-connecting-ip": address });

const login = (api: ApiClient, email: string, address: string) =>
  api.call("POST", "/v1/account/login", { body: { email, password: WRONG }, headers: from(address) });

/** What one account, or nobody, can send to a door that looks at passwords. */
export const ATTACKS: readonly Attack[] = [
  {
    name: "login, one e-mail from one address",
    start: ({ url, victimEmail }, perSecond) =>
      flood(url, perSecond, (api) => login(api, victimEmail, "198.51.100.1")),
  },
  {
    name: "login, many e-mails from one address",
    start: ({ url }, perSecond) =>
      flood(url, perSecond, (api, number) => login(api, `nobody-${number}@example.com`, "198.51.100.2")),
  },
  {
    name: "password, one account",
    start: ({ url, attacker: { token } }, perSecond) =>
      flood(url, perSecond, (api) =>
        api.call("POST", "/v1/account/password", {
          token,
          body: { password: WRONG, newPassword: "a new password" },
        }),
      ),
  },
  {
    name: "erase, one account",
    start: ({ url, attacker: { token } }, perSecond) =>
      flood(url, perSecond, (api) =>
        api.call("DELETE", "/v1/account/me", { token, body: { password: WRONG } }),
      ),
  },
];

/** More than one address can do, or one account: each of them keeps to what the gateway lets it. */
export const FROM_MANY_ADDRESSES: Attack = {
  name: `login, from ${ADDRESSES} addresses`,
  start: ({ url }, perSecond) =>
    flood(url, perSecond, (api, number) =>
      login(api, `nobody-${number % ADDRESSES}@example.com`, `100.64.0.${number % ADDRESSES}`),
    ),
};

/** Sends at a fixed rate, whether or not it is answered. */
function flood(
  url: string,
  perSecond: number,
  send: (api: ApiClient, number: number) => Promise<{ readonly status: number }>,
): RunningAttack {
  const api = new ApiClient(url);
  const statuses: Record<string, number> = {};
  const sent: Promise<void>[] = [];
  const startedAtMs = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAtMs) * perSecond) / 1_000;
    while (sent.length < due) {
      const answer = send(api, sent.length).then(
        ({ status }) => String(status),
        () => "no answer",
      );
      sent.push(answer.then((status) => void (statuses[status] = (statuses[status] ?? 0) + 1)));
    }
  }, 5);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(sent);
      return statuses;
    },
  };
}
