import { murmur3 } from "./murmur3.ts";
import { requireIntegerIn } from "../require-number-in.ts";

interface HashRingOptions {
  /**
   * Points each node has on the ring, an integer in [1, 1000]; 160 if absent. More of them spread
   * keys more evenly and cost memory.
   */
  readonly pointsPerNode?: number;
  /**
   * How much over the average a node may be loaded, above 1; 1.25 if absent, unbounded at infinity.
   */
  readonly loadFactor?: number;
}

interface Node {
  readonly name: string;
  load: number;
}

interface Point {
  readonly hash: number;
  readonly node: Node;
}

const NODES_MAX = 4_096;
const POINTS_MAX = 1_000;
const SEED = 0x2f6e2b1;

/**
 * A consistent hash ring with virtual nodes (Karger et al., 1997) and bounded loads (Mirrokni,
 * Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016): a key goes to the first
 * node clockwise that is not over `loadFactor` times the average. Removing one of n nodes moves
 * only that node's keys. The order in which nodes are given means nothing.
 *
 * @throws RangeError for an option out of range, or nodes that are none, too many (4096) or the
 *   same
 */
export class HashRing {
  readonly #points: readonly Point[];
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #loadFactor: number;
  #total = 0;

  constructor(nodes: readonly string[], { pointsPerNode = 160, loadFactor = 1.25 }: HashRingOptions = {}) {
    requireIntegerIn("nodes.length", nodes.length, 1, NODES_MAX);
    requireIntegerIn("pointsPerNode", pointsPerNode, 1, POINTS_MAX);
    if (!(loadFactor > 1)) throw new RangeError(`loadFactor must be in (1, ∞], got ${loadFactor}`);
    this.#loadFactor = loadFactor;
    this.#nodes = new Map(nodes.map((name) => [name, { name, load: 0 }]));
    if (this.#nodes.size !== nodes.length) throw new RangeError("nodes must be different from each other");
    this.#points = [...this.#nodes.values()].flatMap((node) => pointsOf(node, pointsPerNode)).sort(byHash);
  }

  /** The key's own node, whatever its load. */
  nodeOf(key: string): string {
    return this.#pointAt(this.#firstAtOrAfter(murmur3(key, SEED))).node.name;
  }

  /** The node that takes the key now, counted as loaded until it is {@link release}d. */
  acquire(key: string): string {
    this.#total += 1;
    const capacity = Math.ceil((this.#total / this.#nodes.size) * this.#loadFactor);
    // Capacities together exceed the loads, so that some node has room and the walk ends.
    let index = this.#firstAtOrAfter(murmur3(key, SEED));
    while (this.#pointAt(index).node.load >= capacity) index += 1;
    const { node } = this.#pointAt(index);
    node.load += 1;
    return node.name;
  }

  /**
   * A key that {@link acquire} gave to this node is done. A node without keys, or one that isn't on
   * the ring, stays as it is.
   */
  release(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined || node.load === 0) return;
    node.load -= 1;
    this.#total -= 1;
  }

  /**
   * Index of the first point clockwise from `hash`, by binary search; the number of points where
   * that is the first of all.
   */
  #firstAtOrAfter(hash: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pointAt(middle).hash < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The ring closes: after the last point comes the first. */
  #pointAt(index: number): Point {
    return this.#points[index % this.#points.length] as Point;
  }
}

function pointsOf(node: Node, count: number): Point[] {
  return Array.from({ length: count }, (_, point) => ({
    hash: murmur3(`${node.name}#${point}`, SEED),
    node,
  }));
}

/** Points of the same hash have the order of their nodes' names. */
function byHash(a: Point, b: Point): number {
  return a.hash - b.hash || (a.node.name < b.node.name ? -1 : 1);
}
