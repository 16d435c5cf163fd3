-- Compare and append: the only write to an auction's live state.
-- Every key is in one slot. Integers travel as strings. Nothing is written before every check.
--
-- KEYS  1 state (hash p = position, s = state, r = relayed position)  2 log  3 ids  4 outbox
--       5 deadlines  6 unrecorded (closed, but its result is not in the catalogue yet)
--       7 outbox of messages to people
-- ARGV  1 expected position  2 decided at (ms)  3 skew bound (ms)  4 not after (ms, or '')
--       5 new position  6 new state  7 deadline (ms, 'closed', or '' for none)  8 auction
--       9 wake channel  10 shard  11 most entries in 7, the oldest go first
--       12 not before (ms, or '')
--       then for each event: position, bid id (or ''), event
-- Gives {'ok' | 'moved' | 'skew' | 'late' | 'early', Redis time in ms}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now_text = string.format('%.0f', now)

local position = redis.call('HGET', KEYS[1], 'p') or '0'
if position ~= ARGV[1] then return {'moved', now_text} end
if math.abs(now - tonumber(ARGV[2])) > tonumber(ARGV[3]) then return {'skew', now_text} end
if ARGV[4] ~= '' and now >= tonumber(ARGV[4]) then return {'late', now_text} end
if ARGV[12] ~= '' and now < tonumber(ARGV[12]) then return {'early', now_text} end

-- The log first: it refuses an id that is not above its last one, so a state that fell behind its
-- log (a lost or regressed key) stops here, before anything is written.
for i = 13, #ARGV, 3 do
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 'e', ARGV[i + 2])
  redis.call('XADD', KEYS[4], '*', 'e', ARGV[i + 2])
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[11], '*', 'e', ARGV[i + 2])
  if ARGV[i + 1] ~= '' then redis.call('HSET', KEYS[3], ARGV[i + 1], ARGV[i + 2]) end
end
redis.call('HSET', KEYS[1], 'p', ARGV[5], 's', ARGV[6])
if ARGV[7] == '' or ARGV[7] == 'closed' then
  redis.call('ZREM', KEYS[5], ARGV[8])
else
  redis.call('ZADD', KEYS[5], ARGV[7], ARGV[8])
end
if ARGV[7] == 'closed' then redis.call('ZADD', KEYS[6], now_text, ARGV[8]) end
redis.call('PUBLISH', ARGV[9], 'o:' .. ARGV[10])
return {'ok', now_text}
