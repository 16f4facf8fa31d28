import { parseSync } from "oxc-parser";

/** One module that a file imports, re-exports or loads. */
export interface Import {
  readonly specifier: string;
  /** Whether nothing of it is left at run time. */
  readonly typesOnly: boolean;
}

/**
 * Every import of a TypeScript source. Throws where it can't be parsed, or loads a module whose
 * name is not written down.
 */
export function importsOf(path: string, source: string): readonly Import[] {
  const { module, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typesOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  const reexports = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) =>
      moduleRequest ? [{ specifier: moduleRequest.value, typesOnly: isType }] : [],
    ),
  );
  const loads = module.dynamicImports.map(({ moduleRequest }) => {
    const literal = /^(["'])(.*)\1$/.exec(source.slice(moduleRequest.start, moduleRequest.end))?.[2];
    if (literal === undefined) throw new Error(`${path} loads a module whose name is computed`);
    return { specifier: literal, typesOnly: false };
  });
  return [...imports, ...reexports, ...loads];
}
