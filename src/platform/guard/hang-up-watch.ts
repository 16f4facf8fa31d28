/** For so long after a hang-up every call is listened for the next one, in ms. */
const WATCHED_MS = 60_000;
/** One call in so many is listened for at any time, the first one included. */
const SAMPLE = 16;
/** Beyond this part of a lane every call is listened for. */
const UNHEARD_SHARE = 1 / 4;

/**
 * Which calls are listened for their callers' hang-ups. To listen costs a twentieth of a read, and
 * callers hardly ever hang up: so one call in sixteen has a listener, and for a minute after a
 * hang-up every call has. A hang-up that isn't heard keeps its place until the call's time is up,
 * which tells of it, too. However many hang up at once, a quarter of the lane is all that they can
 * keep so: where that is taken every call has a listener.
 *
 * Times are ms of a clock that never runs backwards.
 */
export class HangUpWatch {
  #calls = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  /**
   * Whether the next call is to be listened for.
   *
   * @param load - the part of its lane that is taken, its own place included
   */
  isNext(atMs: number, load: number): boolean {
    const isSample = this.#calls === 0;
    this.#calls = (this.#calls + 1) % SAMPLE;
    return isSample || load > UNHEARD_SHARE || atMs < this.#untilMs;
  }

  /** Somebody has hung up. */
  onHangUp(atMs: number): void {
    this.#untilMs = atMs + WATCHED_MS;
  }
}
