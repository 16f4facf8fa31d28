import { murmur3 } from "./murmur3.ts";

interface HashRingOptions {
  /** Points each node has on the ring. More of them spread keys more evenly and cost memory. */
  readonly pointsPerNode?: number;
  /** How much over the average a node may be loaded; unbounded at infinity. */
  readonly loadFactor?: number;
}

interface Point {
  readonly hash: number;
  readonly node: string;
}

const NODES_MAX = 4_096;
const SEED = 0x2f6e2b1;

/**
 * A consistent hash ring with virtual nodes (Karger et al., 1997) and bounded loads (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with
 * Bounded Loads", 2016): a key goes to the first node clockwise that is not over `loadFactor` times the average.
 * Removing one of n nodes moves only that node's keys.
 */
export class HashRing {
  readonly #points: readonly Point[];
  readonly #loads = new Map<string, number>();
  readonly #loadFactor: number;
  #total = 0;

  constructor(nodes: readonly string[], { pointsPerNode = 160, loadFactor = 1.25 }: HashRingOptions = {}) {
    if (nodes.length < 1 || nodes.length > NODES_MAX) throw new RangeError(`nodes must be 1 to ${NODES_MAX}, got ${nodes.length}`);
    if (new Set(nodes).size !== nodes.length) throw new RangeError("nodes must be different from each other");
    if (!Number.isInteger(pointsPerNode) || pointsPerNode < 1 || pointsPerNode > 1_000) {
      throw new RangeError(`pointsPerNode must be an integer in [1, 1000], got ${pointsPerNode}`);
    }
    if (!(loadFactor > 1)) throw new RangeError(`loadFactor must be in (1, ∞], got ${loadFactor}`);
    this.#loadFactor = loadFactor;
    const points: Point[] = [];
    for (const node of nodes) {
      this.#loads.set(node, 0);
      for (let point = 0; point < pointsPerNode; point += 1) points.push({ hash: murmur3(`${node}#${point}`, SEED), node });
    }
    this.#points = points.toSorted((a, b) => a.hash - b.hash || (a.node < b.node ? -1 : 1));
  }

  /** The key's own node, whatever its load. */
  nodeOf(key: string): string {
    return this.#points[this.#firstAtOrAfter(murmur3(key, SEED))]?.node ?? "";
  }

  /** The node that takes the key now, counted as loaded until it is {@link release}d. */
  acquire(key: string): string {
    const capacity = Math.ceil(((this.#total + 1) / this.#loads.size) * this.#loadFactor);
    const first = this.#firstAtOrAfter(murmur3(key, SEED));
    for (let step = 0; step < this.#points.length; step += 1) {
      const node = this.#points[(first + step) % this.#points.length]?.node ?? "";
      const load = this.#loads.get(node) ?? 0;
      if (load >= capacity) continue;
      this.#loads.set(node, load + 1);
      this.#total += 1;
      return node;
    }
    throw new Error("no node is below the average: loads and their total disagree");
  }

  /** A key that {@link acquire} gave to this node is done. */
  release(node: string): void {
    const load = this.#loads.get(node) ?? 0;
    if (load === 0) return;
    this.#loads.set(node, load - 1);
    this.#total -= 1;
  }

  /** Index of the first point clockwise from `hash`, by binary search. */
  #firstAtOrAfter(hash: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.hash ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return low === this.#points.length ? 0 : low;
  }
}
