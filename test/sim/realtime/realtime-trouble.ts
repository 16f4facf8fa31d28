import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { NO_TROUBLE, type Trouble } from "../kernel/trouble.ts";
import type { RealtimePeople } from "./realtime-people.ts";
import type { RealtimeHardship } from "./realtime-scene.ts";
import { sessionOf, type RealtimeWorld } from "./realtime-world.ts";

export const TROUBLE_MS = 60_000;
const ACT_MS = 700;
const FORGET_MS = 1_500;
const REST_MS_MIN = 5_000;
const REST_MS = 40_000;
const CUTS_MAX = 9;
const ERASED = 0.06;
const REVOKED = 0.1;
/** Share of worlds in which deletions are remembered for a moment. */
const FORGETFUL = 0.2;

export function drawTrouble(kernel: Kernel): Trouble {
  return {
    ...NO_TROUBLE,
    failsBefore: kernel.pick([0, 0.02, 0.1]),
    failsAfter: kernel.pick([0, 0.02, 0.1]),
    crashes: kernel.pick([0, 0, 0.003, 0.01]),
    lateEffects: kernel.pick([0, 0, 0.02]),
    delayMsMax: kernel.pick([20, 200, 1_500]),
  };
}

export function drawHardship(kernel: Kernel): RealtimeHardship {
  return { skewMsMax: kernel.pick([0, 0, 1_000, 5_000]) };
}

export function drawRealtimeLimits(kernel: Kernel): ShardLimits {
  return {
    flushWindowMs: kernel.pick([2_000, 15_000, 300_000]),
    commitGroup: 20,
    commitWaitMsMax: kernel.pick([0, 25]),
    pendingRecordsMax: 1_000,
    pendingBytesMax: 5_000_000,
    readMs: 1_500,
    viewBytesMax: kernel.pick([3_000, 1_000_000]),
    entriesPerUserMax: kernel.pick([5, 1_000]),
    headEntries: kernel.pick([3, 101]),
    liveRowsMax: kernel.pick([5, 1_000]),
    tombstonesKeptMs: kernel.chance(FORGETFUL) ? 3_000 : 30 * 86_400_000,
    reportPaceMs: 10_000,
  };
}

/** One or two users with one to three devices each. */
export function drawUsers(kernel: Kernel): ReadonlyMap<string, number> {
  const counts = kernel.pick([[1], [2], [3], [1, 2], [2, 2]]);
  return new Map(counts.map((count, index) => [`u-${["ada", "bob"][index] ?? index}`, count]));
}

/** A minute in which people do things and everything is cut, at any moment. */
export function planRealtimeTrouble(kernel: Kernel, world: RealtimeWorld, people: RealtimePeople): void {
  for (const device of world.devices)
    kernel.after(Math.floor(kernel.random() * 5_000), "", () => device.start());
  const act = (): void => {
    if (kernel.trouble === NO_TROUBLE) return;
    people.act();
    kernel.after(Math.floor(kernel.random() * 2 * ACT_MS), "", act);
  };
  act();
  for (let atMs = FORGET_MS; atMs < TROUBLE_MS; atMs += FORGET_MS)
    kernel.after(atMs, "", () => {
      if (world.comet.forget()) world.counters.note("comet forgot everything, its sockets stayed");
    });
  for (let cut = Math.floor(kernel.random() * CUTS_MAX); cut > 0; cut -= 1)
    kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", kernel.pick(cutsOf(kernel, world)));
  if (kernel.chance(ERASED))
    kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", () =>
      people.erase(kernel.pick(world.devices).userId),
    );
  if (kernel.chance(REVOKED))
    kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", () => {
      world.counters.note("session revoked");
      world.revoked.add(sessionOf(kernel.pick(world.devices).name));
    });
}

function cutsOf(kernel: Kernel, world: RealtimeWorld): readonly (() => void)[] {
  const { counters, comet, shard, room, devices } = world;
  return [
    () => {
      counters.note("network cut");
      kernel.pick(devices).line?.cut();
    },
    () => {
      counters.note("network cut");
      kernel.pick(devices).line?.cut();
    },
    () => {
      counters.note("client in the background");
      kernel.pick(devices).rest(REST_MS_MIN + Math.floor(kernel.random() * REST_MS));
    },
    () => {
      counters.note("client killed");
      kernel.pick(devices).die();
    },
    () => {
      counters.note("comet killed");
      kernel.crash(comet.object.process);
    },
    () => kernel.crash(shard.object.process),
    () => {
      counters.note("room restarted");
      kernel.crash(room.object.process);
    },
    () => {
      counters.note("deploy of everything");
      for (const { object } of [comet, shard, room]) kernel.crash(object.process);
    },
  ];
}
