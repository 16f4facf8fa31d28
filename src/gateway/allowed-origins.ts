/**
 * Stands in the list for every origin on this machine, whatever its port: a browser app that is
 * being developed.
 */
export const LOCALHOST = "localhost";

const LOCAL_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Tells which origin may read an answer: the one that asks, if it is listed, or null. */
export function allowedOrigins(list: readonly string[]): (origin: string) => string | null {
  const listed = new Set(list.filter((origin) => origin !== LOCALHOST));
  const isLocalOpen = list.includes(LOCALHOST);
  return (origin) => (listed.has(origin) || (isLocalOpen && isLocal(origin)) ? origin : null);
}

function isLocal(origin: string): boolean {
  const url = URL.parse(origin);
  return (
    url !== null &&
    url.origin === origin &&
    /^https?:$/.test(url.protocol) &&
    LOCAL_HOSTS.includes(url.hostname)
  );
}
