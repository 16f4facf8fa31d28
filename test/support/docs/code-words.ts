import type { RepositoryFiles } from "./repository-files.ts";
import { commentsAndCode } from "./texts.ts";

/** What stands in code outside of comments. */
export interface CodeWords {
  readonly words: ReadonlySet<string>;
  /** In lower case, as headers and names of workers are written. */
  readonly hyphened: ReadonlySet<string>;
  /** Whatever is called anywhere. */
  readonly calls: ReadonlySet<string>;
  /** What programs call, and what anything exports: nothing else is worth a word in a document. */
  readonly callsForAll: ReadonlySet<string>;
  /** What programs have between quotes that could be the name of a file, or a route. */
  readonly strings: ReadonlySet<string>;
  /** The words of the files in which a class, an interface, a type or a constant is declared. */
  readonly declaredIn: ReadonlyMap<string, readonly ReadonlySet<string>[]>;
}

const CODE_FILE = /\.(?:ts|js|sql|toml)$|^package\.json$|\.http$/;
/** What says on purpose what is not there. */
const NOT_READ = /\/external-names\.ts$|^test\/docs\.test\.ts$/;
const PROGRAM = /^(?:src|scripts|bridge|migrations|examples)\//;
const NAME_OR_ROUTE = /(?<=["'`, ])(?:\/[\w.][\w.<>:/-]*|[\w-]+\.[a-z]+)(?=["'`, ])/g;

/** Reads all code there is. */
export function codeWords(repository: RepositoryFiles): CodeWords {
  const words = new Set<string>();
  const hyphened = new Set<string>();
  const calls = new Set<string>();
  const callsForAll = new Set<string>();
  const strings = new Set<string>();
  const declaredIn = new Map<string, ReadonlySet<string>[]>();
  for (const file of repository.files) {
    if (!CODE_FILE.test(file) || NOT_READ.test(file)) continue;
    const source = repository.read(file);
    const code = /\.json$|\.http$/.test(file) ? source : commentsAndCode(file, source).code;
    const own = new Set(code.match(/[A-Za-z_$][\w$]*/g));
    for (const word of own) words.add(word);
    for (const word of code.match(/\w+(?:-\w+)+/g) ?? []) hyphened.add(word.toLowerCase());
    const isProgram = PROGRAM.test(file);
    for (const [, name = ""] of code.matchAll(/([A-Za-z_$][\w$]*)\s*(?:<[^<>()]*>)?\(/g)) {
      calls.add(name);
      if (isProgram) callsForAll.add(name);
    }
    for (const [, name = ""] of code.matchAll(/\bexport (?:async )?function\*? (\w+)/g))
      callsForAll.add(name);
    if (isProgram) for (const text of code.match(NAME_OR_ROUTE) ?? []) strings.add(text);
    for (const [, name = ""] of code.matchAll(/\b(?:class|interface|type|const) (\w+)/g))
      declaredIn.set(name, [...(declaredIn.get(name) ?? []), own]);
  }
  return { words, hyphened, calls, callsForAll, strings, declaredIn };
}
