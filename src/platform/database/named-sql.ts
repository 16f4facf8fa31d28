/** What is bound to a name. */
type SqlValue = string | number | null;

/** A statement as D1 takes it, which knows no names: `?1` is the first of `names`. */
export interface NamedSql<Name extends string> {
  readonly text: string;
  readonly names: readonly Name[];
}

/** D1 binds no more values to one statement. */
const NAMES_MAX = 100;
/**
 * What may hold a colon or begins with one: strings, quoted identifiers, comments, `::`, and names.
 * The types below read a text the same way.
 */
const TOKENS =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|::|\?|:([A-Za-z_][A-Za-z0-9_]*)/g;

/**
 * Reads SQL with `:names`, once, where it is written down. One name may stand in several places.
 * The text's type must be a literal, so that its names can be seen: parts that are put together
 * from others are `as const`.
 *
 * @example
 * const FIND = namedSql("SELECT amount FROM transfer WHERE owner = :owner AND id = :id");
 * await bound(db, FIND, { owner, id }).first();
 */
export function namedSql<const Text extends string>(text: Literal<Text>): NamedSql<NamesIn<Text>> {
  const names: string[] = [];
  const numbered = text.replaceAll(TOKENS, (token: string, name?: string) => {
    if (token === "?") throw new RangeError(`SQL has a value without a name: ${text}`);
    if (name === undefined) return token;
    if (!names.includes(name)) names.push(name);
    return `?${names.indexOf(name) + 1}`;
  });
  if (names.length > NAMES_MAX)
    throw new RangeError(`SQL must have ${NAMES_MAX} names at most, not ${names.length}: ${text}`);
  return { text: numbered, names: names as NamesIn<Text>[] };
}

/** A statement with its values: each of its names, and nothing else. */
export function bound<Statement extends NamedSql<string>>(
  db: D1Database,
  statement: Statement,
  ...values: Values<NamesOf<Statement>>
): D1PreparedStatement {
  return bind(db, statement, ...values);
}

/**
 * The statements of one unit of work, for which a name means one thing: each takes what it names of
 * the same values, which are all that any of them names, and nothing else.
 */
export function boundAll<const Statements extends readonly NamedSql<string>[]>(
  db: D1Database,
  statements: Statements,
  ...values: Values<NamesOf<Statements[number]>>
): D1PreparedStatement[] {
  return statements.map((statement) => bind(db, statement, ...values));
}

function bind(
  db: D1Database,
  { text, names }: NamedSql<string>,
  values: Readonly<Record<string, SqlValue>> = {},
): D1PreparedStatement {
  const statement = db.prepare(text);
  return names.length === 0 ? statement : statement.bind(...names.map((name) => values[name]));
}

type NamesOf<Statement> = Statement extends NamedSql<infer Name> ? Name : never;
/** Nothing for statements without names. */
type Values<Name extends string> = [Name] extends [never] ? [] : [values: Readonly<Record<Name, SqlValue>>];

/** The text itself, if nothing of it is hidden behind `string` or `number`. */
type Literal<Text extends string> = {} extends Record<Text, unknown> ? never : Text;

/** The names of a text, token by token. */
type NamesIn<
  Text extends string,
  Found extends string = never,
> = Text extends `${BeforeToken<Text>}${infer Token}`
  ? Token extends Skipped<infer After>
    ? NamesIn<After, Found>
    : Token extends `--${string}` | `/*${string}`
      ? Found
      : Token extends `:${infer After}`
        ? NamesIn<After, Found | NameAt<After>>
        : Token extends `${infer _}${infer After}`
          ? NamesIn<After, Found>
          : Found
  : Found;

/** A token in which there is no name, and what follows it. */
type Skipped<After extends string> =
  | `'${string}'${After}`
  | `"${string}"${After}`
  | `\`${string}\`${After}`
  | `[${string}]${After}`
  | `--${string}\n${After}`
  | `/*${string}*/${After}`
  | `::${After}`;

/** What stands before the first token of a text. */
type BeforeToken<Text extends string> = Before<
  Before<Before<Before<Before<Before<Before<Text, "'">, '"'>, "`">, "[">, "--">, "/*">,
  ":"
>;
type Before<Text extends string, Mark extends string> = Text extends `${infer Head}${Mark}${string}`
  ? Head
  : Text;

type NameAt<Text extends string> = Text extends `${Letter}${string}` ? WordAt<Text> : never;
type WordAt<
  Text extends string,
  Word extends string = "",
> = Text extends `${infer Char extends Letter | Digit}${infer After}`
  ? WordAt<After, `${Word}${Char}`>
  : Word;

type CharsOf<Text extends string, Found extends string = never> = Text extends `${infer Char}${infer After}`
  ? CharsOf<After, Found | Char>
  : Found;
type Letter = CharsOf<"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_">;
type Digit = CharsOf<"0123456789">;
