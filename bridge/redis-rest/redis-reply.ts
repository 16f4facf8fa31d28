/**
 * What Redis answers, with nothing lost: strings as bytes, integers as their digits (they have 64
 * bits, more than a JavaScript number holds), an error as an Error.
 */
export type RedisReply = Uint8Array | string | null | Error | readonly RedisReply[];
