import { Hono } from "hono";

/** One Hono worker that parses the body and answers: what the runtime can do at all. */
const app = new Hono();
app.post("/v1/history/reports", async (c) => {
  const { reports } = await c.req.json<{ reports: object[] }>();
  return c.json({ accepted: reports.length, ignored: 0 });
});

export default app;
