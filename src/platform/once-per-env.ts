/**
 * Runs a composition root once for each isolate. The runtime hands every request of an isolate the
 * same `env`, so what is built lives as long as the isolate: a hint that may be gone at the next
 * request, never a place for state that matters.
 */
export function oncePerEnv<E extends object, T>(build: (env: E) => T): (env: E) => T {
  const built = new WeakMap<E, T>();
  return (env) => {
    const known = built.get(env);
    if (known !== undefined) return known;
    const fresh = build(env);
    built.set(env, fresh);
    return fresh;
  };
}
