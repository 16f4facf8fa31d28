/** A WebSocket of workerd's, of which the test has the other end. */
export class FakeWebSocket extends EventTarget {
  readonly sent: (Uint8Array | string)[] = [];
  readonly closed: { readonly code: number; readonly detail: string }[] = [];
  accepted = false;
  readyState: number = WebSocket.OPEN;
  binaryType = "blob";

  accept(): void {
    this.accepted = true;
  }

  send(data: Uint8Array | string): void {
    if (!this.accepted) throw new TypeError("a socket must be accepted before it is sent anything");
    if (this.readyState !== WebSocket.OPEN) throw new TypeError("a closed socket can't be sent anything");
    this.sent.push(data);
  }

  close(code: number, detail: string): void {
    if (!this.accepted) throw new TypeError("a socket must be accepted before it is closed");
    if (this.readyState === WebSocket.CLOSED) throw new TypeError("a closed socket can't be closed");
    // As workerd and the protocol have it.
    if (code < 1_000 || code > 4_999 || [1_004, 1_005, 1_006, 1_015].includes(code))
      throw new TypeError(`no socket is closed with ${code}`);
    if (Buffer.byteLength(detail) > 123) throw new TypeError("the reason is too long");
    this.readyState = WebSocket.CLOSING;
    this.closed.push({ code, detail });
  }

  /** The other end sends. */
  receive(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? data : data.slice().buffer;
    this.dispatchEvent(new MessageEvent("message", { data: bytes }));
  }

  /** The other end closes, or breaks (1006). */
  end(code: number, reason = ""): void {
    this.readyState = WebSocket.CLOSED;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }

  get asWebSocket(): WebSocket {
    return this as unknown as WebSocket;
  }
}
