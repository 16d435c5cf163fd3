-- Shows a message, unless it was deleted meanwhile. The oldest ones make room.
-- KEYS: recent ids by time, their messages by id, that it was deleted, its claim.
-- ARGV: id, time, message, how many, life in s, the claim from now on.
redis.call('SET', KEYS[4], ARGV[6], 'XX', 'KEEPTTL')
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
if over > 0 then
  local old = redis.call('ZPOPMIN', KEYS[1], over)
  for i = 1, #old, 2 do redis.call('HDEL', KEYS[2], old[i]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
