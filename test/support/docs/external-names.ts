/** Names in code font that are not ours, by whose they are. A test sees that each is needed. */
const NAMES_BY_OWNER: Readonly<Record<string, readonly string[]>> = {
  "JavaScript and the Web": ["EventSource"],
  "HTTP's headers and OAuth's errors": ["Vary", "invalid_grant"],
  "a hash's name, as RFCs write it": ["HMAC-SHA-256", "MAC"],
  "a test of the W3C's trace-context suite": ["test/test.py"],
  "Cloudflare's types": ["SqlStorage"],
  "vitest's matchers, which only tests call": ["toBe", "toThrow"],
  "Stryker's option": ["testFiles"],
  "Go's standard library and its errgroup": ["database/sql", "ErrNoRows", "errgroup"],
  "go-kratos/aegis": ["circuitbreaker/sre"],
  "Netflix's Hystrix": [
    "HystrixCircuitBreaker",
    "HystrixRollingNumber",
    "HystrixRollingPercentile",
    "updateRollingMax",
    "HystrixRollingNumber.updateRollingMax",
    "requestVolumeThreshold",
  ],
  "GCRA's theoretical arrival time, and a round trip's": ["TAT", "RTT"],
  "Kong's option": ["sync_rate"],
  "Redis's commands, options and encodings": [
    "/hgetall/k",
    "/monitor",
    "DEL",
    "HGETALL",
    "UNLINK",
    "embstr",
    "io-threads",
    "listpack",
  ],
  "a function of @upstash/redis": ["base64decode"],
  "a limit's name that is put together of two parts": ["login-network", "register-network"],
  "an item's key and kinds, as an example": ["kind/itemId", "article"],
};

export const EXTERNAL_NAMES: ReadonlySet<string> = new Set(Object.values(NAMES_BY_OWNER).flat());
