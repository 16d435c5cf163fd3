-- Shows a message to nobody any more, whether it was shown before or would have been later.
-- KEYS: recent ids by time, their messages by id, that it was deleted. ARGV: id, author, life in s.
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[3])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
