import { Hono } from "hono";

interface BareHistory {
  report(user: string, reports: readonly object[]): Promise<{ accepted: number }>;
  continueWatching(user: string, limit: number): Promise<object>;
}

/** The second hop of the bare chain: parse the body, one RPC, answer. */
const app = new Hono<{ Bindings: { readonly HISTORY: BareHistory } }>();
app.post("/v1/history/reports", async (c) => {
  const { reports } = await c.req.json<{ reports: object[] }>();
  return c.json(await c.env.HISTORY.report(c.req.header("x-user") ?? "", reports));
});
app.get("/v1/history/continue", async (c) =>
  c.json(await c.env.HISTORY.continueWatching(c.req.header("x-user") ?? "", Number(c.req.query("limit")))),
);

export default app;
