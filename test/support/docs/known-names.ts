import { posix } from "node:path";
import { codeWords, type CodeWords } from "./code-words.ts";
import { KnownFiles } from "./known-files.ts";
import type { Mention } from "./mentions-of.ts";
import type { RepositoryFiles } from "./repository-files.ts";

/** A route that a client can call, as the gateway's table writes it. */
interface KnownRoute {
  readonly path: string;
  readonly methods: readonly string[];
}

export interface KnownNamesInput {
  readonly repository: RepositoryFiles;
  readonly routes: readonly KnownRoute[];
  /** Names that are not ours. */
  readonly external: ReadonlySet<string>;
}

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: object;
  readonly devDependencies: object;
}

/** Everything that can be named: files, npm scripts, routes, and the words of all code. */
export class KnownNames {
  readonly #input: KnownNamesInput;
  readonly #files: KnownFiles;
  readonly #scripts: Readonly<Record<string, string>>;
  readonly #packages: ReadonlySet<string>;
  readonly #words: CodeWords;

  constructor(input: KnownNamesInput) {
    const { repository } = input;
    const manifest = JSON.parse(repository.read("package.json")) as Manifest;
    this.#input = input;
    this.#scripts = manifest.scripts;
    this.#packages = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }));
    this.#files = new KnownFiles(repository, this.#packages);
    this.#words = codeWords(repository);
  }

  /** Whether what `from` names is there, or is listed as somebody else's. */
  has(mention: Mention, from: string): boolean {
    return this.#input.external.has(mention.name) || this.isOurs(mention, from);
  }

  /** Whether what `from` names is there. */
  isOurs(mention: Mention, from: string): boolean {
    const { kind, name } = mention;
    if (kind === "file") return this.#files.has(name, from) || this.#words.strings.has(name);
    if (kind === "heading") return this.#hasHeading(name, from);
    if (kind === "script") return this.#hasScript(name);
    if (kind === "route") return this.#hasRoute(name, mention.method);
    if (kind === "member") return this.#hasMember(name);
    if (kind === "word") return this.#hasWord(name);
    return (from.endsWith(".md") ? this.#words.callsForAll : this.#words.calls).has(name);
  }

  /** As GitHub makes an anchor of a heading. */
  #hasHeading(name: string, from: string): boolean {
    const [target = "", anchor] = name.split("#");
    const document = target === "" ? from : posix.normalize(posix.join(posix.dirname(from), target));
    if (!this.#input.repository.files.includes(document)) return false;
    const headings = this.#input.repository.read(document).match(/^#+ .*$/gm) ?? [];
    return headings.some((heading) => anchorOf(heading) === anchor);
  }

  /** `bench gateway` is a script with a program beside the one that it runs. */
  #hasScript(name: string): boolean {
    const [script = "", program] = name.split(" ");
    if (script === "cit") return true;
    const command = this.#scripts[script];
    if (command === undefined) return false;
    const runner = /([\w/-]+)\/run\.ts$/.exec(command)?.[1];
    if (program === undefined || runner === undefined) return true;
    return this.#input.repository.files.includes(`${runner}/${program}.ts`);
  }

  /** One of the table's, the beginning of some, or one that a program of ours has in a string. */
  #hasRoute(name: string, method: string | null): boolean {
    const path = name.replaceAll(/\{(\w+)\}/g, ":$1").replace(/[/:,.]+$/, "");
    const shaped = (text: string): string => text.replaceAll(/:\w+/g, ":");
    const at = this.#input.routes.filter((route) => shaped(route.path) === shaped(path));
    if (at.length > 0)
      return method === null || at.some(({ methods }) => methods.includes(method.replace("HEAD", "GET")));
    if (path === "" || this.#words.strings.has(path)) return true;
    return method === null && this.#input.routes.some((route) => route.path.startsWith(`${path}/`));
  }

  /** `Guard.call`: where the one is declared, the other is a word. */
  #hasMember(name: string): boolean {
    const [owner = "", member = ""] = name.split(".");
    const places = this.#words.declaredIn.get(owner);
    return places === undefined
      ? this.#hasWord(owner) && this.#hasWord(member)
      : places.some((words) => words.has(member));
  }

  /** Whether there is a test by this name, such as `history/biz/shard`. */
  hasTest(name: string): boolean {
    return this.#files.hasTest(name);
  }

  #hasWord(name: string): boolean {
    if (!name.includes("-")) return this.#words.words.has(name);
    return (
      this.#words.hyphened.has(name.toLowerCase()) || this.#packages.has(name) || this.#files.hasStem(name)
    );
  }
}

function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, "")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
