/** One request of an .http file, with its variables still in it. */
interface Recipe {
  readonly title: string;
  readonly expect: number;
  readonly keep: readonly (readonly [variable: string, member: string])[];
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RecipeResult {
  readonly title: string;
  readonly expected: number;
  readonly status: number;
}

/** Runs the requests of an .http file in order. `variables` come before those the file sets. */
export async function runRecipes(
  text: string,
  variables: Readonly<Record<string, string>>,
): Promise<readonly RecipeResult[]> {
  const [head = "", ...blocks] = text.split(/^### /m);
  const known: Record<string, string> = {};
  for (const [, name = "", value = ""] of head.matchAll(/^@(\w+) = (.+)$/gm)) known[name] = value;
  Object.assign(known, variables);
  const fill = (template: string): string =>
    template.replaceAll(/\{\{(\w+)\}\}/g, (_match, name: string) => known[name] ?? `missing-${name}`);
  const results: RecipeResult[] = [];
  for (const recipe of blocks.map(parseRecipe)) {
    const response = await fetch(fill(recipe.url), {
      method: recipe.method,
      headers: Object.fromEntries(Object.entries(recipe.headers).map(([name, value]) => [name, fill(value)])),
      ...(recipe.body === "" ? {} : { body: fill(recipe.body) }),
    });
    const answer = await response.text();
    for (const [variable, member] of recipe.keep)
      known[variable] = String((JSON.parse(answer) as Record<string, unknown>)[member]);
    results.push({ title: recipe.title, expected: recipe.expect, status: response.status });
  }
  return results;
}

function parseRecipe(block: string): Recipe {
  const [top = "", ...rest] = block.trim().split("\n\n");
  const lines = top.split("\n");
  const notes = lines.filter((line) => line.startsWith("# @"));
  const [request = "", ...headers] = lines.slice(1).filter((line) => !line.startsWith("#"));
  const [method = "", url = ""] = request.split(" ");
  return {
    title: lines[0] ?? "",
    expect: Number(notes.find((note) => note.startsWith("# @expect "))?.slice("# @expect ".length)),
    keep: notes.flatMap((note) => {
      const [, variable, member] = /^# @keep (\w+) = (\w+)$/.exec(note) ?? [];
      return variable === undefined || member === undefined ? [] : [[variable, member] as const];
    }),
    method,
    url,
    headers: Object.fromEntries(headers.map((line) => line.split(": ", 2) as [string, string])),
    body: rest.join("\n\n"),
  };
}
