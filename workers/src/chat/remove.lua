-- Shows a message to nobody any more, whether it was shown before or would have been later.
-- KEYS: recent ids by time, their messages by id, deleted ids. ARGV: id, life in s.
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
