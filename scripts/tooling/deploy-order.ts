/** A worker and the workers that must exist before it can be deployed. */
export interface Deployable {
  readonly name: string;
  readonly needs: readonly string[];
}

/**
 * One deployment. `without` names the workers whose bindings are left out, since they don't exist
 * yet: only inside a cycle.
 */
export interface DeployStep {
  readonly name: string;
  readonly without: readonly string[];
}

/**
 * The order in which a platform can be deployed into an empty account: each worker after those it
 * is bound to. Where workers are bound in a circle, one of them is deployed without the bindings
 * that close it and once more, whole, as soon as the others exist. Equal choices are made by name,
 * so that the order never changes by itself. Throws `RangeError` for a binding to an unknown
 * worker.
 */
export function deployOrder(workers: readonly Deployable[]): readonly DeployStep[] {
  const known = new Set(workers.map(({ name }) => name));
  for (const { name, needs } of workers) {
    for (const need of needs)
      if (!known.has(need))
        throw new RangeError(`${name} is bound to ${need}, which is no worker of the project`);
  }
  const steps: DeployStep[] = [];
  const existing = new Set<string>();
  let remaining = workers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  let partial: readonly Deployable[] = [];
  const unmet = ({ needs }: Deployable): readonly string[] =>
    [...new Set(needs)].filter((need) => !existing.has(need));

  while (remaining.length > 0) {
    const next = remaining.find((worker) => unmet(worker).length === 0) ?? cheapestInCycle(remaining, unmet);
    const without = unmet(next);
    steps.push({ name: next.name, without });
    existing.add(next.name);
    remaining = remaining.filter((worker) => worker !== next);
    if (without.length > 0) partial = [...partial, next];
    const completed = partial.filter((worker) => unmet(worker).length === 0);
    steps.push(...completed.map(({ name }) => ({ name, without: [] })));
    partial = partial.filter((worker) => !completed.includes(worker));
  }
  return steps;
}

/**
 * Where no worker can go first, some wait for each other: of those the one that leaves out the
 * fewest bindings.
 */
function cheapestInCycle(
  remaining: readonly Deployable[],
  unmet: (worker: Deployable) => readonly string[],
): Deployable {
  const byName = new Map(remaining.map((worker) => [worker.name, worker]));
  const waitsForItself = (start: Deployable): boolean => {
    const seen = new Set<string>();
    const open = [...unmet(start)];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (name === start.name) return true;
      const worker = seen.has(name) ? undefined : byName.get(name);
      seen.add(name);
      if (worker !== undefined) open.push(...unmet(worker));
    }
    return false;
  };
  const [cheapest] = remaining.filter(waitsForItself).toSorted((a, b) => unmet(a).length - unmet(b).length);
  if (cheapest === undefined) throw new Error("no worker can go first, and none of them waits for itself");
  return cheapest;
}
