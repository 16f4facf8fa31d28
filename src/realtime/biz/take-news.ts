import { revOf, type UserNews } from "../../contracts/realtime-rpc.ts";
import { REALTIME_OPS, type ChangedBody } from "../../contracts/realtime.ts";
import type { CatchUp } from "./catch-up.ts";
import type { CometIndex } from "./comet-index.ts";
import { jsonPacket } from "./packets.ts";
import { principalOf } from "./principal-of.ts";

/** Tells a user's sockets what is new. False where none listens. */
export function takeNews(news: UserNews, index: CometIndex, catchUp: CatchUp): boolean {
  if ("erased" in news) {
    for (const connection of index.ofUser(news.userId))
      connection.close("unauthenticated", "the account is gone");
    return false;
  }
  const listeners = index.listenersOf(news.userId);
  const [first] = listeners;
  const user = first === undefined ? null : principalOf(first.state);
  if (user === null) return false;
  if ("behind" in news) {
    const free = listeners.filter((listener) => !catchUp.holds(listener, news.behind));
    if (free.length > 0) catchUp.start(user, free, news.behind);
    return true;
  }
  const { changes, cursor, except } = news;
  const body: ChangedBody = { changes, cursor };
  const bytes = jsonPacket(REALTIME_OPS.changed, 0, body);
  for (const listener of listeners)
    if (listener.id !== except && !catchUp.holds(listener)) listener.tell(bytes, revOf(cursor));
  return true;
}
