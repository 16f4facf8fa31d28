/** A service, queue or object each of whose methods the platform refuses at the spending cap. */
export function refusing(product: string): object {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error(`Exceeded the account's spending cap for ${product}`));
  return new Proxy({}, { get: (_target, name) => (name === "then" ? undefined : refuse) });
}

/** A database that takes statements and is refused at the spending cap. */
export function refusingD1(): object {
  const refused = refusing("D1");
  const statement: object = new Proxy(refused, {
    get: (target, name) => (name === "bind" ? () => statement : Reflect.get(target, name)),
  });
  return new Proxy(refused, {
    get: (target, name) => (name === "prepare" ? () => statement : Reflect.get(target, name)),
  });
}
