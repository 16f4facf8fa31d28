import type { Connection } from "./connection.ts";

const NONE: ReadonlySet<Connection> = new Set();

/** Who is connected: all sockets, those of each user, and the one with each key. */
export class CometIndex {
  readonly #all = new Map<string, Connection>();
  /** Signed in, whichever door they came by. */
  readonly #users = new Map<string, Set<Connection>>();
  /** Of the user's keys, or of guests', who have them together. */
  readonly #keys = new Map<string, Connection>();

  get size(): number {
    return this.#all.size;
  }

  get users(): number {
    return this.#users.size;
  }

  all(): Iterable<Connection> {
    return this.#all.values();
  }

  /** The connection of a socket, by the id in its state. */
  find(id: string): Connection | undefined {
    return this.#all.get(id);
  }

  /** The signed-in sockets of a user. */
  ofUser(userId: string): ReadonlySet<Connection> {
    return this.#users.get(userId) ?? NONE;
  }

  /** Those of them who are told of the user's history. */
  listenersOf(userId: string): readonly Connection[] {
    return [...this.ofUser(userId)].filter(({ listens }) => listens);
  }

  withKey(userId: string | null, key: string): Connection | undefined {
    return this.#keys.get(keyName(userId, key));
  }

  /** Enters a socket as its state says it is; again where it has signed in since. */
  add(connection: Connection): void {
    const { id, isSignedIn, user, key } = connection.state;
    this.#all.set(id, connection);
    if (!isSignedIn) return;
    this.#keys.set(keyName(user?.userId ?? null, key), connection);
    if (user === null) return;
    const sockets = this.#users.get(user.userId) ?? new Set();
    this.#users.set(user.userId, sockets);
    sockets.add(connection);
  }

  remove(connection: Connection): void {
    const { id, isSignedIn, user, key } = connection.state;
    this.#all.delete(id);
    if (!isSignedIn) return;
    const name = keyName(user?.userId ?? null, key);
    if (this.#keys.get(name) === connection) this.#keys.delete(name);
    if (user === null) return;
    const sockets = this.#users.get(user.userId);
    sockets?.delete(connection);
    if (sockets?.size === 0) this.#users.delete(user.userId);
  }
}

function keyName(userId: string | null, key: string): string {
  return JSON.stringify([userId, key]);
}
