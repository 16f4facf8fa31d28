import type { Connection } from "./connection.ts";
import { envelope, joined } from "./packets.ts";

/** Packets that go to several sockets together, each made at most once. */
export class Envelope {
  readonly #packets: readonly Uint8Array[];
  #enveloped: Uint8Array | null = null;
  #bare: Uint8Array | null = null;

  constructor(packets: readonly Uint8Array[]) {
    this.#packets = packets;
  }

  sendTo(connection: Connection): void {
    // On TCP goim sends the inner packets bare.
    if (connection.state.isTcp) connection.send((this.#bare ??= joined(this.#packets)));
    else connection.send((this.#enveloped ??= envelope(this.#packets)));
  }
}
