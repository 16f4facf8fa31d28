import { INSTALL_HINT, isRedisInstalled } from "./runtime/redis-server.ts";

/*
 * After npm test: what it left out, so that nobody takes it for all there is.
 */

const redis = isRedisInstalled() ? "redis-server is installed" : INSTALL_HINT;
process.stdout.write(`left out: npm run test:redis, the front against a real redis-server; ${redis}\n`);
