import { Hono } from "hono";

interface BareHistory {
  report(user: string, reports: readonly object[]): Promise<{ accepted: number }>;
}

/** The second hop of the bare chain: parse the body, one RPC, answer. */
const app = new Hono<{ Bindings: { readonly HISTORY: BareHistory } }>();
app.post("/v1/history/reports", async (c) => {
  const { reports } = await c.req.json<{ reports: object[] }>();
  return c.json(await c.env.HISTORY.report(c.req.header("x-user") ?? "", reports));
});

export default app;
