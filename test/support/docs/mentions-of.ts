/** Something a text names, as it stands there. */
export type Mention =
  | { readonly kind: "file" | "heading" | "script" | "call" | "member" | "word"; readonly name: string }
  | { readonly kind: "route"; readonly name: string; readonly method: string | null };

const CODE = /`([^`]+)`/g;
const LINK = /\[[^\]]*\]\(([^)#\s]*)(#[^)]*)?\)/g;
const DOC_LINK = /\{@link ([\w.]+)/g;
const SCRIPT = /\bnpm (?:run ([\w:-]*[\w])(?: -- ([a-z][\w-]*)\b)?|(start|test|cit)\b)/g;
const ROUTE = /^(?:(GET|POST|PUT|DELETE|HEAD) )?(\/[a-z.][^\s`?]*)/;
/** What files end in, of those that people name. */
const EXTENSION = /\.(?:ts|js|md|json|sql|toml|http|svg)$/;
const FILE_IN_PROSE = /(?<![\w/.@:<-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|md|toml|sql|http)\b/g;
/** What begins with one of the project's folders is a path, wherever it stands. */
const PATH_IN_PROSE =
  /(?<![\w/.@:<-])(?:bench|bridge|docs|examples|migrations|scripts|src|test)(?:\/[\w*-][\w.*-]*)+(?<!\.)/g;
/** A folder, a file or a pattern of them: segments with slashes between. */
const PATH = /^\.{0,2}\/?[\w.@<>*{},-]+(?:\/[\w.@<>*{},-]+)+\/?$|^[\w-]+\/$/;
const MEDIA_TYPE = /^(?:application|audio|image|multipart|text|video)\//;
const MEMBER = /(?<![\w.])([A-Z]\w*[a-z]\w*)\.(\w+)/g;
const CALL = /(?<![\w"'-])([A-Za-z_$][\w$]*)\(/g;
const WORD = /(?<![\w-])(?:--)?[A-Za-z_$][\w$]*(?:-[\w$]+)*/g;

/** Everything a block of a document or of a comment names that can be looked for. */
export function mentionsOf(text: string): readonly Mention[] {
  const prose = text.replaceAll(CODE, " ");
  return [
    ...[...text.matchAll(SCRIPT)].flatMap(([, run, argument, short]) => scriptsIn(run ?? short, argument)),
    ...[...prose.matchAll(LINK)].flatMap(([, target = "", anchor]) => linksTo(target, anchor)),
    ...[...prose.replaceAll(LINK, " ").matchAll(FILE_IN_PROSE)].map(
      ([name]) => ({ kind: "file", name }) as const,
    ),
    ...[...prose.replaceAll(LINK, " ").matchAll(PATH_IN_PROSE)].map(
      ([name]) => ({ kind: "file", name }) as const,
    ),
    ...[...text.matchAll(DOC_LINK)].flatMap(([, name = ""]) => mentionsInCode(name)),
    ...[...text.matchAll(CODE)].flatMap(([, code = ""]) => mentionsInCode(code.replaceAll(/\s*\n\s*/g, " "))),
  ];
}

function linksTo(target: string, anchor: string | undefined): Mention[] {
  if (/^[a-z]+:/.test(target)) return [];
  return [
    ...(target === "" ? [] : [{ kind: "file", name: target } as const]),
    ...(anchor === undefined ? [] : [{ kind: "heading", name: target + anchor } as const]),
  ];
}

function scriptsIn(name = "", argument?: string): Mention[] {
  return [
    { kind: "script", name },
    ...(argument === undefined ? [] : [{ kind: "script", name: `${name} ${argument}` } as const]),
  ];
}

function mentionsInCode(code: string): readonly Mention[] {
  if (/^(?:npm|npx|node|git|apt-get) /.test(code) || MEDIA_TYPE.test(code)) return [];
  const [, method, route] = ROUTE.exec(code) ?? [];
  if (route !== undefined) return [{ kind: "route", name: route, method: method ?? null }];
  if (PATH.test(code) || (EXTENSION.test(code) && !/\s/.test(code))) return [{ kind: "file", name: code }];
  const calls = [...code.matchAll(CALL)].map(([, name = ""]) => name);
  const words = [...code.matchAll(WORD)].map(([word]) => word.replace(/^--/, ""));
  return [
    ...[...code.matchAll(MEMBER)].map(([name]) => ({ kind: "member", name }) as const),
    ...calls.map((name) => ({ kind: "call", name }) as const),
    ...words
      .filter((word) => !calls.includes(word) && (words.length === 1 || isName(word)))
      .map((name) => ({ kind: "word", name }) as const),
  ];
}

/** Written as no word of English is: with a hump, an underscore, a hyphen or in capitals. */
function isName(word: string): boolean {
  return /[a-z0-9][A-Z]|_|-|^[A-Z][A-Z0-9]{2,}$/.test(word);
}
