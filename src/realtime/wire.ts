import { waitUntil } from "cloudflare:workers";
import { MAIN_CELL } from "../contracts/cell.ts";
import type { CometRpc, HistorySockets, RoomRpc } from "../contracts/realtime-rpc.ts";
import { audienceOf } from "../contracts/internal-request.ts";
import { createBff } from "../platform/bff/bff-app.ts";
import { internalTokenVerifier } from "../platform/bff/internal-token.ts";
import type { RequestScope } from "../platform/call/request-scope.ts";
import { bindRpc } from "../platform/call/rpc.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { clearingTimer } from "../platform/guard/call-timer.ts";
import { guardedRpc } from "../platform/guard/guarded-rpc.ts";
import { newTraceparent } from "../platform/http/trace.ts";
import { objectsOf } from "../platform/objects.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { randomHex } from "../platform/random-hex.ts";
import { sleep } from "../platform/sleep.ts";
import { accessTokenAuthenticator } from "../platform/trust/authenticate.ts";
import { wireTrust } from "../platform/trust/wire-trust.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { createLogger, failureLine } from "../platform/logger.ts";
import { Comet } from "./biz/comet.ts";
import { CometDirectory } from "./biz/comet-directory.ts";
import { cellOfComet, cometOfGuest } from "./biz/comet-name.ts";
import { Pushes } from "./biz/pushes.ts";
import { Room } from "./biz/room.ts";
import { readRealtimeConfig } from "./config.ts";
import { cometHistory } from "./data/comet-history.ts";
import { cometRooms } from "./data/comet-rooms.ts";
import { cometUpgrades, type CometDoor } from "./data/comet-upgrades.ts";
import { HibernatingSockets } from "./data/hibernating-sockets.ts";
import { memberComets } from "./data/member-comets.ts";
import { objectCalls } from "./data/object-calls.ts";
import { sqliteRoomStore } from "./data/sqlite-room-store.ts";
import type { WiredComet } from "./service/comet-object.ts";
import type { DoorDeps } from "./service/door-session.ts";
import { addOwnDoor } from "./service/own-door.ts";
import { addSubDoor } from "./service/sub-door.ts";
import { serveTcp } from "./service/tcp-door.ts";

const now = Date.now;
const NAME = audienceOf("realtime");
/** Calls under way at once: to history, to comets, of upgrades above all, and to rooms. */
const MAX_CONCURRENT = { history: 256, comets: 1_024, rooms: 1_024 } as const;
const EPOCH_BYTES = 8;
const ID_BYTES = 8;

/** What the worker is built on. What is left behind after a call would keep an object awake. */
const workerOf = oncePerEnv((env: RealtimeEnv) => {
  const config = readRealtimeConfig(env);
  const { logger, makeGuard } = wireWorker({
    name: NAME,
    config,
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: clearingTimer,
    background: waitUntil,
  });
  const historyGuard = makeGuard("history", {
    timeoutMs: CALL_TIMEOUT_MS.rpc,
    maxConcurrent: MAX_CONCURRENT.history,
  });
  return {
    config,
    logger,
    makeGuard,
    history: guardedRpc(bindRpc<HistorySockets>(env.HISTORY), historyGuard),
    /** With the time for reports, which may wait on purpose. */
    reports: guardedRpc(bindRpc<HistorySockets>(env.HISTORY), historyGuard, {
      timeoutMs: CALL_TIMEOUT_MS.reportRpc,
    }),
    /** Whose tokens count, and which sessions have ended: one for all objects of an isolate. */
    trust: wireTrust({ identity: env.IDENTITY, makeGuard, logger, now }),
    cometGuard: makeGuard("comet", {
      timeoutMs: CALL_TIMEOUT_MS.shard,
      maxConcurrent: MAX_CONCURRENT.comets,
      failsApart: true,
    }),
    roomGuard: makeGuard("room", {
      timeoutMs: CALL_TIMEOUT_MS.room,
      maxConcurrent: MAX_CONCURRENT.rooms,
      failsApart: true,
    }),
  };
});

/** Comets by name, each near the users of its cell. */
const cometsOf = oncePerEnv((env: RealtimeEnv) => {
  const { config } = workerOf(env);
  const byCell = new Map(
    config.CELLS.map(({ name, locationHint }) => [
      name,
      objectsOf<CometDoor & CometRpc>(env.COMET, locationHint),
    ]),
  );
  const anywhere = objectsOf<CometDoor & CometRpc>(env.COMET);
  return (name: string) => (byCell.get(cellOfComet(name)) ?? anywhere)(name);
});

/** How an isolate calls the objects of this worker, but for how it opens sockets. */
const callsOf = oncePerEnv((env: RealtimeEnv) => {
  const { cometGuard, roomGuard } = workerOf(env);
  return {
    callComet: objectCalls<CometRpc>({
      named: cometsOf(env),
      guard: cometGuard,
      timeoutMs: CALL_TIMEOUT_MS.comet,
    }),
    callRoom: objectCalls<RoomRpc>({
      named: objectsOf<RoomRpc>(env.ROOM),
      guard: roomGuard,
      timeoutMs: CALL_TIMEOUT_MS.room,
    }),
  };
});

/** The scope of a call that is no single request's, by what it is for. */
function scopeFor(what: string, patienceMs: number): RequestScope {
  const traceparent = newTraceparent(randomHex);
  return {
    requestId: `${what}-${randomHex(8)}`,
    traceparent,
    deadlineAtMs: now() + patienceMs,
    principal: null,
  };
}

/** Everything that the doors of an isolate run on. */
export const wire = oncePerEnv((env: RealtimeEnv) => {
  const { config, logger, history, trust, cometGuard } = workerOf(env);
  const cells = config.CELLS.map(({ name }) => name);
  const directory = new CometDirectory({
    cells,
    askShards: async (cell) => {
      const scope = scopeFor("mapping", CALL_TIMEOUT_MS.rpc);
      const mapping = await history.read(scope, "ask for the mapping", (service, ctx) =>
        service.mapping(ctx, cell),
      );
      return mapping.shards;
    },
    waitMs: CALL_TIMEOUT_MS.rpc,
    now,
    sleep,
  });
  const openSocket = cometUpgrades({ cometNamed: cometsOf(env), guard: cometGuard });
  /** For the doors that read the first packet themselves. */
  const doorDeps: DoorDeps = {
    hasGuests: config.REALTIME_GUESTS === "on",
    authenticate: accessTokenAuthenticator({ trust, now, background: waitUntil }),
    cometOf: async (user, key = randomHex(8)) =>
      user === null ? cometOfGuest(key, config.REALTIME_SUB_COMETS) : directory.cometOf(user),
    openSocket,
    timer: clearingTimer,
    now,
    logger,
  };
  const fetch = createBff({
    verifyInternalToken: internalTokenVerifier({ jwks: config.INTERNAL_JWKS, audience: NAME, now }),
    logger,
    now,
    checkReady: async (scope) => {
      await history.read(scope, "check history", (service, ctx) => service.mapping(ctx));
    },
    addRoutes(app) {
      addOwnDoor(app, { cometOf: (user) => directory.cometOf(user), openSocket });
      addSubDoor(app, doorDeps);
    },
  });
  return {
    fetch,
    connect: (socket: Socket) => serveTcp(socket, doorDeps),
    now,
    logger,
    pushes: new Pushes({
      cells,
      directory,
      subComets: config.REALTIME_SUB_COMETS,
      ...callsOf(env),
      onFailure: failureLine(logger, "push failed"),
    }),
    checkHistory: async () => void (await directory.shardsOf(MAIN_CELL)),
  };
});

/** Of the objects, also where one can't be wired. */
export const objectFrame = { logger: createLogger({ worker: NAME, level: "warn" }), now };

const schedule = (delayMs: number, run: () => void) => {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
};

/** One comet over the sockets of its Durable Object. */
export function wireComet(state: DurableObjectState, env: RealtimeEnv, alarmAtMs: number | null): WiredComet {
  const { logger, history, reports, trust } = workerOf(env);
  const { name } = state.id;
  if (name === undefined) throw new Error("a comet must be reached by its name");
  const onBackgroundFailure = failureLine(logger, "comet failed", { comet: name });
  const sockets = new HibernatingSockets(state);
  const comet = new Comet({
    sockets,
    history: cometHistory({
      comet: name,
      cell: cellOfComet(name),
      history,
      reports,
      scopeFor: (what, principal) => ({ ...scopeFor(what, CALL_TIMEOUT_MS.reportRpc), principal }),
    }),
    rooms: cometRooms(name, callsOf(env).callRoom, now),
    endedSessions: (sessionIds, maxAgeMs) => trust.ended(sessionIds, maxAgeMs),
    alarm: {
      set: (atMs) =>
        void state.storage
          .setAlarm(atMs)
          .catch((error: unknown) => onBackgroundFailure("set the alarm", error)),
    },
    alarmAtMs,
    now,
    random: Math.random,
    newId: () => randomHex(ID_BYTES),
    schedule,
    onBackgroundFailure,
  });
  return { comet, sockets };
}

/** One room over the storage of its Durable Object. */
export function wireRoom({ id, storage }: DurableObjectState, env: RealtimeEnv): Room {
  const { logger } = workerOf(env);
  if (id.name === undefined) throw new Error("a room must be reached by its name");
  const onFailure = failureLine(logger, "room failed");
  return new Room({
    store: sqliteRoomStore(storage),
    comets: memberComets(id.name, callsOf(env).callComet),
    setAlarm: (atMs) =>
      void storage.setAlarm(atMs).catch((error: unknown) => onFailure("set the alarm", error)),
    newEpoch: () => randomHex(EPOCH_BYTES),
    schedule,
    now,
    onFailure,
  });
}
