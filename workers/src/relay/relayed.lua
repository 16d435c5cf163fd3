#!lua flags=allow-oom
-- Notes that SQS has an auction's events up to a position, and takes them out of the outbox.
-- Runs when Redis is full, too: it is what makes room.
-- KEYS  1 state  2 outbox        ARGV  1 position  2 wake channel  3 auction  then the outbox ids
local at = tonumber(redis.call('HGET', KEYS[1], 'r') or '0')
if tonumber(ARGV[1]) > at then redis.call('HSET', KEYS[1], 'r', ARGV[1]) end
redis.call('XDEL', KEYS[2], unpack(ARGV, 4))
redis.call('PUBLISH', ARGV[2], 'r:' .. ARGV[1] .. ':' .. ARGV[3])
return 'ok'
