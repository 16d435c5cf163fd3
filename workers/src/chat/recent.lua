-- The newest messages before a time.
-- KEYS: recent ids by time, their messages by id. ARGV: the highest score, how many.
local ids = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], '-inf', 'LIMIT', 0, ARGV[2])
if #ids == 0 then return {} end
return redis.call('HMGET', KEYS[2], unpack(ids))
