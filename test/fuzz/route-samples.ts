import { OWN_PATHS } from "../../src/gateway/own-routes.ts";
import type { ApiClient } from "../../testbed/clients/api-client.ts";

/**
 * A request that its route answers with 2xx, the first time at least; 426 where it opens sockets.
 */
export interface RouteSample {
  /** As the route table writes it. */
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly token: string | null;
  /**
   * What it does to the platform is dear, or more than a fuzz may do by chance: it is sent seldom,
   * and its body is never half right.
   */
  readonly isGrave: boolean;
}

const PASSWORD = "correct horse battery";
const NO_TRANSFER = "01930000-0000-7000-8000-000000000000";

interface Prepared {
  readonly api: ApiClient;
  readonly admin: { readonly email: string; readonly password: string };
  readonly eventually: (check: () => Promise<boolean>) => Promise<void>;
}

/**
 * Makes what the samples need: people, money, a transfer that waits for an operator. Answers a
 * sample for each route that there is.
 */
export async function prepareSamples({ api, admin, eventually }: Prepared): Promise<readonly RouteSample[]> {
  const operator = (await api.signIn(admin.email, admin.password)).token;
  const [ada, leaver, changer, quitter, victim] = await Promise.all(
    ["ada", "leaver", "changer", "quitter", "victim"].map((name) =>
      api.signUp(`${name}@example.com`, PASSWORD),
    ),
  );
  if (
    ada === undefined ||
    leaver === undefined ||
    changer === undefined ||
    quitter === undefined ||
    victim === undefined
  )
    throw new Error("nobody could sign up");
  const order = (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => api.call(method, path, { token: operator, body, headers });
  for (const [key, person] of Object.entries({ ada, victim }))
    await order(
      "POST",
      `/v1/ops/wallets/${person.userId}/deposits`,
      { amount: 1_000_000 },
      { "idempotency-key": `first-${key}` },
    );
  const deposit = await order(
    "POST",
    `/v1/ops/wallets/${ada.userId}/deposits`,
    { amount: 5 },
    { "idempotency-key": "to-reverse" },
  );
  const parked = await parkedTransfer({ api, eventually, token: ada.token, order });

  const open = (
    method: string,
    path: string,
    body?: unknown,
    more: Partial<RouteSample> = {},
  ): RouteSample => {
    const [bare = "", query = ""] = path.split("?", 2);
    const sample = {
      route: `${method} ${bare}`,
      method,
      path: bare,
      query,
      body,
      headers: {},
      token: null,
      isGrave: false,
    };
    return { ...sample, ...more };
  };
  const mine = (method: string, path: string, body?: unknown, more: Partial<RouteSample> = {}) =>
    open(method, path, body, { token: ada.token, ...more });
  const ops = (method: string, path: string, body?: unknown, more: Partial<RouteSample> = {}) =>
    open(method, `/v1/ops${path}`, body, { token: operator, ...more });
  const grave = { isGrave: true } as const;
  const report = {
    kind: "video",
    itemId: "film-1",
    positionMs: 61_000,
    durationMs: 600_000,
    event: "playing",
    deviceId: "tv",
  };

  return [
    ...OWN_PATHS.map((path) => open("GET", path)),
    open("POST", "/v1/account/register", { email: "newcomer@example.com", password: PASSWORD }, grave),
    open("POST", "/v1/account/login", { email: "ada@example.com", password: PASSWORD }, grave),
    open("POST", "/v1/account/refresh", { refreshToken: quitter.refreshToken }),
    open("POST", "/v1/account/logout", undefined, { token: quitter.token }),
    open(
      "POST",
      "/v1/account/password",
      { password: PASSWORD, newPassword: `${PASSWORD} staple` },
      { token: changer.token, ...grave },
    ),
    mine("GET", "/v1/account/me"),
    open("DELETE", "/v1/account/me", { password: PASSWORD }, { token: leaver.token, ...grave }),
    mine("POST", "/v1/history/reports", { reports: [report] }),
    mine("GET", "/v1/history?limit=20&kind=video"),
    mine("GET", "/v1/history/continue?limit=20"),
    mine("POST", "/v1/history/lookup", { items: [{ kind: "video", itemId: "film-1" }] }),
    mine("GET", "/v1/history/changes?limit=20"),
    mine("GET", "/v1/history/export"),
    mine("GET", "/v1/history/settings"),
    mine("PUT", "/v1/history/settings", { paused: false }),
    mine("PUT", "/v1/history/video/film-1", { watched: true }, { route: "PUT /v1/history/:kind/:itemId" }),
    mine("DELETE", "/v1/history/video/film-2", undefined, { route: "DELETE /v1/history/:kind/:itemId" }),
    mine("DELETE", "/v1/history"),
    mine("GET", "/v1/home"),
    mine("GET", "/v1/wallet"),
    mine("GET", "/v1/wallet/entries?ledger=wallet&limit=20"),
    mine(
      "POST",
      "/v1/transfers",
      { from: "wallet", to: "savings", amount: 1 },
      { headers: { "idempotency-key": '"fuzz-1"' } },
    ),
    mine("GET", "/v1/transfers?limit=20"),
    mine("GET", `/v1/transfers/${parked}`, undefined, { route: "GET /v1/transfers/:id" }),
    // What opens a socket is 426 to whoever asks for no upgrade, which raw requests don't.
    mine("GET", "/v1/realtime"),
    mine("POST", "/v1/realtime/tickets"),
    open("GET", "/sub"),
    ops("GET", "/overview"),
    ops("POST", "/history/flush", undefined, grave),
    ops("GET", "/rejected?limit=20"),
    ops("POST", "/rejected/redrive", { all: true, dryRun: true }),
    ops(
      "PUT",
      `/users/${victim.userId}/roles`,
      { roles: ["user"] },
      { route: "PUT /v1/ops/users/:id/roles" },
    ),
    ops("GET", "/breakers"),
    ops("GET", `/limits?client=user:${ada.userId}`),
    ops("PUT", "/faults", { target: "history" }, grave),
    ops(
      "POST",
      `/wallets/${victim.userId}/deposits`,
      { amount: 1 },
      { route: "POST /v1/ops/wallets/:userId/deposits", headers: { "idempotency-key": "fuzz-deposit" } },
    ),
    ops("POST", `/deposits/${String(deposit.body["depositId"])}/reverse`, undefined, {
      route: "POST /v1/ops/deposits/:id/reverse",
    }),
    ops(
      "PUT",
      `/wallets/${victim.userId}/state`,
      { state: "open" },
      { route: "PUT /v1/ops/wallets/:userId/state" },
    ),
    ops("GET", "/outbox?ledger=wallet&status=parked"),
    ops("POST", "/outbox/redrive", { ledger: "wallet", ids: [NO_TRANSFER], dryRun: true }, grave),
    ops("POST", "/outbox/park", { ledger: "wallet", ids: [NO_TRANSFER] }),
    ops("GET", "/dead-letters?ledger=savings&limit=20"),
    ops("POST", "/dead-letters/redrive", { ledger: "wallet", all: true, dryRun: true }),
    ops("GET", "/audit?limit=20"),
    ops("POST", `/transfers/${parked}/refund`, undefined, { route: "POST /v1/ops/transfers/:id/refund" }),
    ops("GET", "/reconcile", undefined, grave),
    ops("POST", `/push/users?operation=1000&ids=${ada.userId}`, "hello"),
    ops("POST", "/push/room?operation=1000&id=live://1", "hello"),
    ops("POST", "/push/all?operation=1000", "hello"),
    ops("GET", "/online?room=live://1"),
    ops("GET", "/changes?ledger=wallet&after=0"),
    ops("POST", "/keys/rotate", undefined, grave),
  ];
}

interface ParkedInput {
  readonly api: ApiClient;
  readonly eventually: Prepared["eventually"];
  readonly token: string;
  readonly order: (method: string, path: string, body?: unknown) => Promise<{ readonly status: number }>;
}

/**
 * A transfer that never arrives, since the ledger that it goes to is away, until an operator has
 * parked it.
 */
async function parkedTransfer({ api, eventually, token, order }: ParkedInput): Promise<string> {
  await order("PUT", "/v1/ops/faults", { target: "savings", errorRate: 1 });
  const body = { from: "wallet", to: "savings", amount: 100 };
  const transfer = await api.call("POST", "/v1/transfers", {
    token,
    body,
    headers: { "idempotency-key": "to-refund" },
  });
  const id = String(transfer.body["transferId"]);
  await order("POST", "/v1/ops/outbox/park", { ledger: "wallet", ids: [id] });
  await order("PUT", "/v1/ops/faults", { target: "savings" });
  await eventually(async () => {
    const { status, body: wallet } = await api.call("GET", "/v1/wallet", { token });
    return status === 200 && wallet["savings"] !== null && wallet["degraded"] === undefined;
  });
  return id;
}
