import { posix } from "node:path";
import { importsOf, type Import } from "./imports-of.ts";
import type { Room } from "./rooms.ts";

/** Where a file lies: in which room, and for a worker's file in which worker's. */
interface Place {
  readonly room: string;
  /** Folder of the worker room below src/, such as `bff/app`; null in a shared room. */
  readonly worker: string | null;
}

const LAYERS = ["biz", "data", "service"];

/**
 * Every import of `source` that the rooms don't allow, as a sentence. `path` is relative to src/,
 * such as `history/biz/shard.ts`.
 */
export function importViolations(path: string, source: string, rooms: readonly Room[]): readonly string[] {
  const from = placeOf(path, rooms);
  const room = rooms.find(({ id }) => id === from.room);
  if (room === undefined) return [`${path} lies in ${from.room}, which is no room of ARCHITECTURE.md`];
  return importsOf(path, source).flatMap((item) => {
    const reason = item.specifier.startsWith(".")
      ? refuseOwn(path, item, from, room, rooms)
      : refusePackage(item, room);
    return reason === null ? [] : [`${path} imports ${item.specifier}: ${reason}`];
  });
}

function refuseOwn(
  path: string,
  { specifier, typesOnly }: Import,
  from: Place,
  room: Room,
  rooms: readonly Room[],
): string | null {
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith("..")) return "it lies outside src/";
  const to = placeOf(target, rooms);
  if (to.worker !== null && to.worker !== from.worker) return "worker rooms meet only in contracts";
  if (to.room === from.room || room.mayImport.has(to.room)) return null;
  if (room.mayImportTypes.has(to.room))
    return typesOnly ? null : `${room.id} may import only types of ${to.room}`;
  return `${room.id} may not import ${to.room}`;
}

function refusePackage({ specifier }: Import, room: Room): string | null {
  const allowed = room.packages.some((name) =>
    name.endsWith("*") ? specifier.startsWith(name.slice(0, -1)) : specifier === name,
  );
  return allowed ? null : `${room.id} may not use that package`;
}

function placeOf(path: string, rooms: readonly Room[]): Place {
  const folders = posix.dirname(path).split("/");
  const [first = ""] = folders;
  if (rooms.some(({ id }) => id === first)) return { room: first, worker: null };
  const depth = first === "bff" ? 2 : 1;
  const layer = folders[depth];
  const room = layer === undefined ? "./" : `${layer}/`;
  return {
    room: LAYERS.includes(layer ?? "") || layer === undefined ? room : `${layer}/ (unknown)`,
    worker: folders.slice(0, depth).join("/"),
  };
}
