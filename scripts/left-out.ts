import { missingForKafka } from "./runtime/kafka-jars.ts";
import { INSTALL_HINT, isRedisInstalled } from "./runtime/redis-server.ts";

/*
 * After npm test: what it left out, so that nobody takes it for all there is.
 */

const redis = isRedisInstalled() ? "redis-server is installed" : INSTALL_HINT;
process.stdout.write(
  "left out: npm run test:long, the long forms of load and attacks, what all releases but the last have left, and the search for first seeds\n",
);
process.stdout.write("left out: npm run test:sessions, thirty days of refreshes\n");
process.stdout.write(`left out: npm run test:redis, the front against a real redis-server; ${redis}\n`);
const kafka = missingForKafka() ?? "Java and mvn are installed";
process.stdout.write(`left out: npm run test:kafka, the front against a real Kafka; ${kafka}\n`);
