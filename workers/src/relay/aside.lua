#!lua flags=allow-oom
-- Moves an entry that cannot be read out of an outbox, as it is, to where it is kept.
-- KEYS  1 outbox  2 what is set aside        ARGV  1 the entry's id
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 'gone' end
redis.call('XADD', KEYS[2], '*', unpack(entry[2]))
redis.call('XDEL', KEYS[1], ARGV[1])
return 'ok'
