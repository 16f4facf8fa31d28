/**
 * Every circle that a walk along the imports meets: its files in order, the first one again at the
 * end. There is none where this is empty; where circles share files, cutting one may show another.
 *
 * @param imports what each file imports, of types only or not, by its path
 */
export function importCircles(
  imports: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] {
  const circles: (readonly string[])[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (path: string): void => {
    if (done.has(path)) return;
    const at = way.indexOf(path);
    if (at !== -1) return void circles.push([...way.slice(at), path]);
    way.push(path);
    for (const next of imports.get(path) ?? []) walk(next);
    way.pop();
    done.add(path);
  };
  for (const path of imports.keys()) walk(path);
  return circles;
}
