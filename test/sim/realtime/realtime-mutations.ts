import { HistoryCopy } from "../../../clients/typescript/history-copy.ts";
import { ReportQueue } from "../../../clients/typescript/report-queue.ts";
import { RoomFollower } from "../../../clients/typescript/room-follower.ts";
import { NewsOutbox } from "../../../src/history/biz/news-outbox.ts";
import { CatchUp } from "../../../src/realtime/biz/catch-up.ts";
import { Connection } from "../../../src/realtime/biz/connection.ts";
import { DeviceList } from "../../../src/realtime/biz/device-list.ts";
import { RoomMembers } from "../../../src/realtime/biz/room-members.ts";
import { RoomRing } from "../../../src/realtime/biz/room-ring.ts";
import { SessionWatch } from "../../../src/realtime/biz/session-watch.ts";
import { method } from "../history/history-mutation.ts";
import type { RealtimeMutation } from "./realtime-mutation.ts";

const nothing = (): undefined => undefined;

const OF_CLIENTS: readonly RealtimeMutation[] = [
  {
    name: "a client does not send again what was in flight when it was cut",
    patch: method(ReportQueue, "cut", () => nothing),
  },
  {
    name: "a client keeps what it had when it is told to begin anew",
    patch: method(HistoryCopy, "forget", () => nothing),
  },
  {
    name: "a client does not clear what was cleared",
    patch: method(HistoryCopy, "apply", (apply) => {
      return function (this: HistoryCopy, change) {
        if (!("cleared" in change)) apply.call(this, change);
      };
    }),
  },
  {
    name: "a client does not drop what is beyond what is kept",
    patch: method(HistoryCopy, "apply", (apply) => {
      return function (this: HistoryCopy, change) {
        if (!("trimmed" in change)) apply.call(this, change);
      };
    }),
  },
  {
    name: "a client shows each message of a room that comes",
    patch: method(RoomFollower, "take", (take) => {
      return function (this: RoomFollower, offset) {
        take.call(this, offset);
        return "new";
      };
    }),
  },
  {
    name: "a client says nothing of what it has missed in a room",
    patch: method(RoomFollower, "take", (take) => {
      return function (this: RoomFollower, offset) {
        const taken = take.call(this, offset);
        return taken === "after a gap" ? "new" : taken;
      };
    }),
  },
];

const OF_COMETS: readonly RealtimeMutation[] = [
  {
    name: "reports are acked before the history has them",
    history: (history) => ({
      join: (user, order) => history.join(user, order),
      leave: (listeners) => history.leave(listeners),
      report: async (batch) => {
        void history.report(batch).catch(nothing);
        return batch.map(({ reports }) => ({ receipt: { accepted: reports.length, ignored: 0 } }));
      },
    }),
  },
  {
    name: "whoever comes back is given nothing",
    history: (history) => ({
      join: async (user, order) => {
        await history.join(user, order);
        return null;
      },
      leave: (listeners) => history.leave(listeners),
      report: (batch) => history.report(batch),
    }),
  },
  {
    name: "live news are sent to who is being caught up",
    patch: method(CatchUp, "holds", () => () => false),
  },
  {
    name: "news are told that an answer has overtaken",
    patch: method(Connection, "tell", () => {
      return function (this: Connection, bytes, rev) {
        this.tellAgain(bytes, rev);
      };
    }),
  },
  {
    name: "a comet that has lost its memory does not know who is in a room",
    patch: method(RoomMembers, "restore", () => nothing),
  },
  {
    name: "nobody looks whose session has ended",
    patch: method(SessionWatch, "run", () => async () => undefined),
  },
  {
    name: "nobody is told which devices are connected",
    patch: method(DeviceList, "changed", () => nothing),
  },
];

const OF_SHARDS_AND_ROOMS: readonly RealtimeMutation[] = [
  {
    name: "a shard that restarts forgets who listens",
    listeners: (store) => ({
      all: () => [],
      put: (row) => store.put(row),
      remove: (userId, comet) => store.remove(userId, comet),
      removeJoinedBefore: (atMs) => store.removeJoinedBefore(atMs),
    }),
  },
  {
    name: "a shard that restarts tells nobody what it had not told",
    patch: method(NewsOutbox, "resume", () => nothing),
  },
  {
    name: "news whose call has failed are not told again",
    tell: (tell) => (comet, news) => tell(comet, news).catch(() => []),
  },
  {
    name: "what a socket reports is told to nobody",
    patch: method(NewsOutbox, "records", (records) => {
      return function (this: NewsOutbox, userId, written, source) {
        if (source === undefined) records.call(this, userId, written);
      };
    }),
  },
  {
    name: "what holds for a user as a whole is told to nobody",
    patch: method(NewsOutbox, "state", () => nothing),
  },
  {
    name: "a room has nothing for whoever comes back",
    patch: method(RoomRing, "since", () => () => []),
  },
  { name: "what leaves an object does not wait for its commit", hasOutputGate: false },
];

/** Every guard that is broken on purpose. */
export const REALTIME_MUTATIONS: readonly RealtimeMutation[] = [
  ...OF_CLIENTS,
  ...OF_COMETS,
  ...OF_SHARDS_AND_ROOMS,
];
