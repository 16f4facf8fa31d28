import { Hono } from "hono";

/** The first hop of the bare chain: a route and a fetch, nothing else. */
const app = new Hono<{ Bindings: { readonly BFF: Fetcher } }>();
app.post("/v1/history/reports", (c) => c.env.BFF.fetch(c.req.raw));
app.get("/v1/history/continue", (c) => c.env.BFF.fetch(c.req.raw));

export default app;
