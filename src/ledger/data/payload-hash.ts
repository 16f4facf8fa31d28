import { createHash } from "node:crypto";
import type { HashPayload } from "../biz/ports.ts";

/** SHA-256 in hex. Synchronous: what it hashes is some dozen bytes. */
export const payloadHash: HashPayload = (parts) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");
