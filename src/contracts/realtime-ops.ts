/** Business operations of our own on a socket; goim's are `GOIM_OPS` of the protocol room. */
export const REALTIME_OPS = {
  /** `{reports, sentAt?}`; acked with the same op and seq. */
  report: 2001,
  /** What has changed in the user's history, with the place up to which that is everything. */
  changed: 2002,
  /** A transfer of the user's has been settled. */
  transferSettled: 2003,
  /** The user's devices that are connected. */
  devices: 2004,
  /** One device tells another what to do. */
  command: 2005,
  /** The client's place is too old: what follows is everything. */
  resync: 2006,
  /** Where a room's messages are: its epoch and the offset of its last message. */
  roomPlace: 2007,
} as const;

/** Bytes that a push may carry. */
export const PUSH_BODY_BYTES_MAX = 4_096;
