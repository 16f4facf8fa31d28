/** One row of the table in ARCHITECTURE.md. */
export interface Room {
  /**
   * A shared room such as `contracts`, a layer of a worker room such as `biz/`, or `./` for the
   * files on top of a worker room.
   */
  readonly id: string;
  readonly mayImport: ReadonlySet<string>;
  /** Rooms of which only types may be imported. */
  readonly mayImportTypes: ReadonlySet<string>;
  /** npm packages and runtime modules; a `*` at the end stands for anything. */
  readonly packages: readonly string[];
}

const HEADING = "## Rooms and arrows";
const CODE = /`([^`]+)`( \(types only\))?/g;

/**
 * Reads the table below the heading "Rooms and arrows". Throws where it is not there or a row names
 * a room that has none.
 */
export function readRooms(markdown: string): readonly Room[] {
  const section = markdown.split(HEADING)[1]?.split(/^## /m)[0];
  if (section === undefined) throw new Error(`the document has no heading "${HEADING}"`);
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1));
  const rooms = rows.map(([id = "", imports = "", packages = ""]): Room => {
    const allowed = [...imports.matchAll(CODE)].map(([, name = "", typesOnly]) => ({
      name,
      typesOnly: typesOnly !== undefined,
    }));
    return {
      id: id.match(/`([^`]+)`/)?.[1] ?? "",
      mayImport: new Set(allowed.filter(({ typesOnly }) => !typesOnly).map(({ name }) => name)),
      mayImportTypes: new Set(allowed.filter(({ typesOnly }) => typesOnly).map(({ name }) => name)),
      packages: [...packages.matchAll(CODE)].map(([, name = ""]) => name),
    };
  });
  if (rooms.length === 0) throw new Error(`the section "${HEADING}" holds no table of rooms`);
  const known = new Set(rooms.map(({ id }) => id));
  for (const { id, mayImport, mayImportTypes } of rooms) {
    for (const name of [...mayImport, ...mayImportTypes])
      if (!known.has(name)) throw new Error(`${id} may import ${name}, which is no room`);
  }
  return rooms;
}
