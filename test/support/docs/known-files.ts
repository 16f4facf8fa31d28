import { posix } from "node:path";
import type { RepositoryFiles } from "./repository-files.ts";

/** The files and folders that a text may name, and how it may write them. */
export class KnownFiles {
  readonly #repository: RepositoryFiles;
  readonly #packages: ReadonlySet<string>;
  readonly #paths: readonly string[];
  readonly #stems: ReadonlySet<string>;

  constructor(repository: RepositoryFiles, packages: ReadonlySet<string>) {
    const folders = new Set<string>();
    for (const file of repository.files)
      for (let at = posix.dirname(file); at !== "."; at = posix.dirname(at)) folders.add(at);
    this.#repository = repository;
    this.#packages = packages;
    this.#paths = [...repository.files, ...folders];
    this.#stems = new Set(repository.files.map((file) => posix.basename(file).replace(/\..*$/, "")));
  }

  /**
   * Whether it is there: from the root, from where it is named, or as the end of a path, with or
   * without what its name ends in; `*` and `<anything>` stand for any name, `{a,b}` for either.
   * Packages and what .gitignore names are there too.
   */
  has(given: string, from: string): boolean {
    const [first = "", second = ""] = given.split("/");
    if (this.#packages.has(first) || this.#packages.has(`${first}/${second}`)) return true;
    if (/^(?:node|cloudflare):/.test(given) || this.#repository.madeAtRunTime.includes(first)) return true;
    const path = given.replace(/\/$/, "");
    const beside = posix.normalize(posix.join(posix.dirname(from), path));
    const wanted = patternOf(path.startsWith(".") ? beside : path);
    return this.#paths.some((known) => known === beside || wanted.test(known));
  }

  /** Whether a file has this name, without what it ends in. */
  hasStem(name: string): boolean {
    return this.#stems.has(name);
  }

  /** Whether there is a test by this name, such as `history/biz/shard`. */
  hasTest(name: string): boolean {
    const wanted = patternOf(name, String.raw`(?:\.[\w-]+)?\.test\.ts`);
    return this.#repository.files.some((file) => wanted.test(file));
  }
}

/** A decision may be named by its number alone. */
function patternOf(path: string, ending = String.raw`(?:\.(?:[\w-]+\.)*\w+)?`): RegExp {
  const pattern = path
    .replaceAll(/<[^>]+>/g, "*")
    .replaceAll(/[.+^$()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", "[^/]*")
    .replaceAll(/\{([^}]*)\}/g, (_all, list: string) => `(?:${list.replaceAll(",", "|")})`);
  const title = /\/\d+$/.test(path) ? "(?:-[^/]*)?" : "";
  return new RegExp(`(?:^|/)${pattern}${title}${ending}$`);
}
