/** A command's name as it was sent, and its arguments. */
export interface RedisCommand {
  readonly name: string;
  readonly args: readonly string[];
}
