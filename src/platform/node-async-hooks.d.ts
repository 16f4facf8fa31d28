/**
 * As much of Node's module as Workers have and we use; all of Node's types would let code in that
 * no Worker can run.
 */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, work: () => R): R;
    getStore(): T | undefined;
  }
}
