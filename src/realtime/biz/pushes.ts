import type { CometRpc, PushMessage, RoomRpc } from "../../contracts/realtime-rpc.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import type { CometDirectory } from "./comet-directory.ts";
import { cometOfGuest, cometOfUser, cometsOfCell, cometsOfGuests } from "./comet-name.ts";
import type { CallObject } from "./ports.ts";

interface PushesDeps {
  readonly cells: readonly string[];
  readonly directory: Pick<CometDirectory, "shardsOf">;
  /** How many comets guests are in. */
  readonly subComets: number;
  readonly callComet: CallObject<CometRpc>;
  readonly callRoom: CallObject<RoomRpc>;
  readonly onFailure: (what: string, error: unknown) => void;
}

interface Delivered {
  readonly delivered: number;
}

/** Comets called at once for one push. */
const CALLS_MAX = 32;

/**
 * Finds the comets that a push goes to. A comet that can't be reached, or a cell of which nothing
 * is known, takes nothing away from the others; a push that reaches none has failed.
 */
export class Pushes {
  readonly #deps: PushesDeps;

  constructor(deps: PushesDeps) {
    this.#deps = deps;
  }

  /** To users, who are at home in that cell; undefined: in any. */
  async users(
    userIds: readonly string[],
    message: PushMessage,
    cell: string | undefined,
  ): Promise<Delivered> {
    const comets = await this.#cometsOf(userIds, cell);
    return this.#push([...comets.keys()], (name) =>
      this.#deps.callComet(name, "push to users", "write", (comet) =>
        comet.pushUsers(comets.get(name) ?? [], message),
      ),
    );
  }

  /** To connections by their keys: of that user, of guests where it is undefined. */
  async keys(keys: readonly string[], message: PushMessage, userId: string | undefined): Promise<Delivered> {
    const ofGuests = Map.groupBy(new Set(keys), (key) => cometOfGuest(key, this.#deps.subComets));
    const comets = userId === undefined ? ofGuests : new Map(await this.#cometsOf([userId], undefined));
    return this.#push([...comets.keys()], (name) =>
      this.#deps.callComet(name, "push to keys", "write", (comet) =>
        comet.pushKeys(userId ?? null, userId === undefined ? (comets.get(name) ?? []) : keys, message),
      ),
    );
  }

  room(room: string, message: PushMessage): Promise<Delivered> {
    return this.#deps.callRoom(room, "push to a room", "write", (stub) => stub.push(message));
  }

  async all(message: PushMessage): Promise<Delivered> {
    return this.#push(await this.#allComets(), (name) =>
      this.#deps.callComet(name, "push to all", "write", (comet) => comet.pushAll(message)),
    );
  }

  /** Sockets in a room, or all that are open. */
  async online(room: string | undefined): Promise<number> {
    const { callComet, callRoom } = this.#deps;
    if (room !== undefined) return callRoom(room, "count who is in a room", "read", (stub) => stub.online());
    const { delivered } = await this.#push(await this.#allComets(), async (name) => {
      const { sockets } = await callComet(name, "count sockets", "read", (comet) => comet.online());
      return { delivered: sockets };
    });
    return delivered;
  }

  /** Which users each comet may have. */
  async #cometsOf(
    userIds: readonly string[],
    cell: string | undefined,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const users = new Set(userIds);
    const ofCells = await this.#ofCells(cell === undefined ? this.#deps.cells : [cell], (name, shards) =>
      Array.from(users, (userId) => ({ userId, comet: cometOfUser({ userId, cell: name }, shards) })),
    );
    const byComet = Map.groupBy(ofCells, ({ comet }) => comet);
    return new Map(Array.from(byComet, ([comet, some]) => [comet, some.map(({ userId }) => userId)]));
  }

  async #allComets(): Promise<readonly string[]> {
    return [
      ...(await this.#ofCells(this.#deps.cells, cometsOfCell)),
      ...cometsOfGuests(this.#deps.subComets),
    ];
  }

  /** What each cell has, by its name and how many shards it has. */
  async #ofCells<T>(
    cells: readonly string[],
    of: (cell: string, shards: number) => readonly T[],
  ): Promise<readonly T[]> {
    const found = await this.#each(cells, "find the comets of a cell", async (cell) =>
      of(cell, await this.#deps.directory.shardsOf(cell)),
    );
    return found.flat();
  }

  async #push(comets: readonly string[], push: (comet: string) => Promise<Delivered>): Promise<Delivered> {
    const answers = await this.#each(comets, "push", push);
    return { delivered: answers.reduce((sum, { delivered }) => sum + delivered, 0) };
  }

  /** The answers of all that could be had. Throws where there is none. */
  async #each<T>(
    names: readonly string[],
    what: string,
    ask: (name: string) => Promise<T>,
  ): Promise<readonly T[]> {
    const answers: T[] = [];
    const failures: unknown[] = [];
    const group = new TaskGroup({ concurrencyMax: CALLS_MAX });
    for (const name of names) {
      group.go(async () => {
        try {
          answers.push(await ask(name));
        } catch (error) {
          failures.push(error);
        }
      });
    }
    await group.wait();
    if (answers.length === 0 && failures.length > 0) throw failures[0];
    if (failures.length > 0)
      this.#deps.onFailure(`${what}: ${failures.length} of ${names.length}`, failures[0]);
    return answers;
  }
}
