import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { KafkaStandIn } from "./kafka-stand-in.ts";

/** Puts a stand-in on a port, for a runtime of its own. While `isAway` it answers nobody. */
export async function serveKafka(kafka: KafkaStandIn) {
  const state = { isAway: false };
  const server = createServer((request, response) => {
    if (state.isAway) {
      request.socket.destroy();
      return;
    }
    void asked(request).then(async (asking) => {
      const answer = await kafka.answer(asking);
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(await answer.text());
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    state,
    vars: {
      UPSTASH_KAFKA_REST_URL: `http://127.0.0.1:${port}`,
      UPSTASH_KAFKA_REST_USERNAME: "user",
    },
    secrets: { UPSTASH_KAFKA_REST_PASSWORD: "password" },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function asked(request: IncomingMessage): Promise<Request> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const body = Buffer.concat(chunks).toString("utf8");
  return new Request(`http://kafka${request.url ?? "/"}`, {
    method: request.method ?? "GET",
    headers: { authorization: request.headers.authorization ?? "" },
    ...(body === "" ? {} : { body }),
  });
}
