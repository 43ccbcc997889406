/**
 * The Redis Functions of the driver, as Lua. Every write that has a condition is one of them: Redis runs a Function to its
 * end before anything else, and hands its writes to the append-only file and to replicas as one MULTI/EXEC.
 *
 * F1  Everything is checked before the first write: a Function that answers anything but its success has written nothing.
 *     Redis itself refuses one for memory, disk, replicas or role before it starts, never in its middle.
 * F2  The name of library and Functions ends in a hash of the code, so that workers of two versions each call their own.
 *
 * Texts that Functions compare (see `fence-text.ts`):
 *     fence  epoch:nonce:position:hash                      of the last entry; replaced by every append and every taking
 *     mark   epoch:nonce:position:checkpoint epoch:hash     of the tables
 */
import { createHash } from 'node:crypto';
import type { SendCommand } from './redis-connection.js';

const source = `
-- unpack() takes some 8,000 values; an even number, because some are pairs.
local valuesMax = 4000

-- Appends one entry to each of n logs.
-- KEYS  n fences; n logs; and, when a group before has to be in: its fence, its log
-- ARGV  n; n expected fences; n new fences; n stream ids; n entries; and then: position, hash as hex, id of the next entry
-- Returns 1; or the n stored fences when one is not the expected; or 'after' when the group before is not in.
local function append(keys, args)
  local n = tonumber(args[1])
  local fences = redis.call('MGET', unpack(keys, 1, math.min(n, valuesMax)))
  for from = valuesMax + 1, n, valuesMax do
    local more = redis.call('MGET', unpack(keys, from, math.min(n, from + valuesMax - 1)))
    for i = 1, #more do fences[from + i - 1] = more[i] end
  end
  for i = 1, n do
    if fences[i] ~= args[1 + i] then return fences end
  end
  if keys[2 * n + 1] then
    local wanted, hash, nextId = args[4 * n + 2], args[4 * n + 3], args[4 * n + 4]
    local fence = redis.call('GET', keys[2 * n + 1])
    local position, headHash = string.match(fence or '', ':(%d+):(%x+)$')
    if not position or tonumber(position) < tonumber(wanted) then return 'after' end
    if position ~= wanted then
      -- It is not the head any more: the entry behind it holds its hash in the bytes from 16 on.
      local behind = redis.call('XRANGE', keys[2 * n + 2], nextId, nextId)[1]
      if not behind then return 'after' end
      headHash = string.gsub(string.sub(behind[2][2], 17, 32), '.', function(byte)
        return string.format('%02x', string.byte(byte))
      end)
    end
    if headHash ~= hash then return 'after' end
  end
  local heads = {}
  for i = 1, n do
    redis.call('XADD', keys[n + i], args[1 + 2 * n + i], 'e', args[1 + 3 * n + i])
    heads[2 * i - 1], heads[2 * i] = keys[i], args[1 + n + i]
  end
  for from = 1, 2 * n, valuesMax do
    redis.call('MSET', unpack(heads, from, math.min(2 * n, from + valuesMax - 1)))
  end
  return 1
end

-- Writes rows of one partition and moves its checkpoint.
-- KEYS  mark; per table: its hash, its sorted index of keys
-- ARGV  expected mark; new mark; per table: 1 when it has an index, else 0; number of values to put; key, value, ...;
--       number of keys to delete; key, ...
-- Returns 1, or the stored mark (nil for none) in a list when it is not the expected.
local function commit(keys, args)
  local mark = redis.call('GET', keys[1])
  if mark ~= args[1] then return { mark } end
  local at = 3
  for i = 2, #keys, 2 do
    local isOrdered, putEnd = args[at] == '1', at + 1 + tonumber(args[at + 1])
    for from = at + 2, putEnd, valuesMax do
      local to = math.min(putEnd, from + valuesMax - 1)
      local added = redis.call('HSET', keys[i], unpack(args, from, to))
      if isOrdered and added > 0 then
        local members = {}
        for key = from, to, 2 do
          members[#members + 1] = '0'
          members[#members + 1] = args[key]
        end
        redis.call('ZADD', keys[i + 1], unpack(members))
      end
    end
    at = putEnd + 1
    local deleteEnd = at + tonumber(args[at])
    for from = at + 1, deleteEnd, valuesMax do
      local to = math.min(deleteEnd, from + valuesMax - 1)
      redis.call('HDEL', keys[i], unpack(args, from, to))
      if isOrdered then redis.call('ZREM', keys[i + 1], unpack(args, from, to)) end
    end
    at = deleteEnd + 1
  end
  if args[2] ~= args[1] then redis.call('SET', keys[1], args[2]) end
  return 1
end

-- Rows of a table in the order of their keys.
-- KEYS  hash, index      ARGV  lower and upper bound as ZRANGEBYLEX has them; limit
-- Returns key, value, ...; or nil when the index does not cover the hash.
local function range(keys, args)
  if redis.call('HLEN', keys[1]) ~= redis.call('ZCARD', keys[2]) then return false end
  local found = redis.call('ZRANGEBYLEX', keys[2], args[1], args[2], 'LIMIT', 0, args[3])
  local rows = {}
  for from = 1, #found, valuesMax do
    local to = math.min(#found, from + valuesMax - 1)
    local values = redis.call('HMGET', keys[1], unpack(found, from, to))
    for i = from, to do
      rows[#rows + 1] = found[i]
      rows[#rows + 1] = values[i - from + 1]
    end
  end
  return rows
end

-- Raises the epoch of a partition, in its fence and in its mark, unless another node has the lease.
-- KEYS  fence, mark, log, lease
-- ARGV  nonce; position and hash of an empty log; checkpoint of empty tables; an epoch to rise above; how our lease begins
-- Returns the fence before (nil for none), the new one, and the id of the last entry (nil for none); or the other node alone.
local function take(keys, args)
  local holder = redis.call('GET', keys[4])
  if holder and string.sub(holder, 1, #args[5]) ~= args[5] then return { holder } end
  local fence = redis.call('GET', keys[1])
  local mark = redis.call('GET', keys[2])
  local last = redis.call('XREVRANGE', keys[3], '+', '-', 'COUNT', 1)[1]
  local epoch = math.max(fence and tonumber(string.match(fence, '^(%d+):')) or 0, tonumber(args[4]))
  local head = fence and string.match(fence, ':(%d+:%x+)$') or args[2]
  local checkpoint = mark and string.match(mark, ':(%d+:%d+:%x+)$') or args[3]
  local token = string.format('%.0f', epoch + 1) .. ':' .. args[1] .. ':'
  redis.call('MSET', keys[1], token .. head, keys[2], token .. checkpoint)
  return { fence, token .. head, last and last[1] or false }
end

-- Replaces a document when it is the expected one.
-- KEYS  document      ARGV  '1' and the expected text, or '0' and anything for "there is none"; the new text
-- Returns 1 or 0.
local function replace(keys, args)
  local stored = redis.call('GET', keys[1])
  if args[1] == '1' and stored ~= args[2] or args[1] == '0' and stored then return 0 end
  redis.call('SET', keys[1], args[3])
  return 1
end

-- Creates the document of a store, unless there is one.
-- KEYS  document      ARGV  field, value, ...
-- Returns 1 or 0.
local function create(keys, args)
  if redis.call('HLEN', keys[1]) > 0 then return 0 end
  redis.call('HSET', keys[1], unpack(args))
  return 1
end

-- Holds a lease: takes it when it is free or, when \`from\` is given, when that holder has it.
-- KEYS  lease      ARGV  holder; from ('' for nobody); ms, 0 to give it back
-- Returns false when it was done, or the holder that has it.
local function lease(keys, args)
  local stored = redis.call('GET', keys[1])
  if stored and stored ~= args[1] and stored ~= args[2] then return stored end
  if args[3] ~= '0' then redis.call('SET', keys[1], args[1], 'PX', args[3])
  elseif stored == args[1] then redis.call('DEL', keys[1]) end
  return false
end
`;

const functionNames = ['append', 'commit', 'range', 'take', 'replace', 'create', 'lease'] as const;
const readOnly: ReadonlySet<string> = new Set(['range']);
const version = createHash('sha256').update(source).digest('hex').slice(0, 10);

export type FunctionName = (typeof functionNames)[number];

export const libraryName = `troupe_${version}`;

/** As FCALL names it. */
export const functions = Object.fromEntries(
  functionNames.map((name) => [name, `troupe_${name}_${version}`]),
) as Readonly<Record<FunctionName, string>>;

/** The text for FUNCTION LOAD. */
export const libraryCode = `#!lua name=${libraryName}
${source}
${functionNames.map(registration).join('\n')}
`;

/** Makes the Functions known to the server. A library of the same name has the same code: the name holds its hash. */
export async function loadLibrary(send: SendCommand): Promise<void> {
  const found = await send('FUNCTION', ['LIST', 'LIBRARYNAME', libraryName]);
  if (Array.isArray(found) && found.length > 0) return;
  try {
    await send('FUNCTION', ['LOAD', libraryCode]);
  } catch (error) {
    // Another thread was faster.
    if (!(error instanceof Error && error.message.includes('already exists'))) throw error;
  }
}

function registration(name: FunctionName): string {
  const flags = readOnly.has(name) ? `, flags = { 'no-writes' }` : '';
  return `redis.register_function{ function_name = '${functions[name]}', callback = ${name}${flags} }`;
}
