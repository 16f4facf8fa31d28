/*
 * What runs in Redis as one step. A value begins with the time and the revision of its state, which
 * are below 2^53, as Lua's numbers are; so every script compares (at, rev) as everything does.
 */

const POSITION = "'^(%d+):(%d+):'";

/*
 * The items of a user, by when their values go, in ms: what an erasure finds them by. One without a
 * lifetime is at infinity, and as long as there is any its user's items have no lifetime either.
 */

/**
 * Keeps each value, without a lifetime, and notes the item with its user's; unless a newer state is
 * there that is pending itself: one with a lifetime isn't. Answers the places of those that are not
 * kept, from 0. KEYS: of each record the value's, the items of its user, the mark of an erased one.
 * ARGV: of each record at, rev, value, item.
 */
export const PUT = `
local refused = {}
for i = 0, #KEYS / 3 - 1 do
  local key, items = KEYS[3 * i + 1], KEYS[3 * i + 2]
  local at, rev = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])
  if redis.call('EXISTS', KEYS[3 * i + 3]) == 0 then
    local known = redis.call('PTTL', key) == -1 and redis.call('GET', key)
    local a, r
    if known then a, r = string.match(known, ${POSITION}) end
    a, r = tonumber(a or -1), tonumber(r or -1)
    if at > a or (at == a and rev >= r) then
      redis.call('SET', key, ARGV[4 * i + 3])
      redis.call('ZADD', items, '+inf', ARGV[4 * i + 4])
      redis.call('PERSIST', items)
    else
      refused[#refused + 1] = i
    end
  end
end
return refused`;

/**
 * Values of states, or of those before them that have no lifetime; none has one from now on. KEYS:
 * of each state the value's, the items of its user. ARGV: of each at, rev, item.
 */
export const RECALL = `
local values = {}
for i = 0, #KEYS / 2 - 1 do
  local key, items = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local known = redis.call('GET', key)
  values[i + 1] = false
  if known then
    local at, rev = tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
    local a, r = string.match(known, ${POSITION})
    a, r = tonumber(a or -1), tonumber(r or -1)
    local isBefore = a < at or (a == at and r < rev)
    if (a == at and r == rev) or (isBefore and redis.call('PTTL', key) == -1) then
      values[i + 1] = known
      redis.call('PERSIST', key)
      redis.call('ZADD', items, '+inf', ARGV[3 * i + 3])
      redis.call('PERSIST', items)
    end
  end
end
return values`;

/**
 * Gives a lifetime to each value that is of a state or of one before it. KEYS: of each state the
 * value's, the items of its user. ARGV: of each at, rev, the lifetime in ms, item. Items whose
 * values have gone go as well.
 */
export const DROP = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 0, #KEYS / 2 - 1 do
  local key, items = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local at, rev = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])
  local known = redis.call('GET', key)
  local a, r
  if known then a, r = string.match(known, ${POSITION}) end
  if a then
    a, r = tonumber(a), tonumber(r)
    if a < at or (a == at and r <= rev) then
      redis.call('PEXPIRE', key, ARGV[4 * i + 3])
      redis.call('ZREMRANGEBYSCORE', items, '-inf', now)
      redis.call('ZADD', items, now + ARGV[4 * i + 3], ARGV[4 * i + 4])
      if redis.call('ZCOUNT', items, '+inf', '+inf') == 0 then
        redis.call('PEXPIRE', items, ARGV[4 * i + 3] * 2)
      end
    end
  end
end
return 'OK'`;
