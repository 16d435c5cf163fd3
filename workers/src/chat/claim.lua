-- Gives a message its time, once, unless its author writes too much.
-- KEYS: the message's claim, its author's rate, the auction's latest time.
-- ARGV: digest of the text, interval in ms, burst, life of a claim in s, life of the time in s.
local found = redis.call('GET', KEYS[1])
if found then return {'found', found} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
-- GCRA: the theoretical arrival time of the next message may be `burst` intervals ahead.
local arrival = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), now) + interval
local early = arrival - burst * interval - now
if early > 0 then return {'limited', string.format('%.0f', early)} end
redis.call('SET', KEYS[2], string.format('%.0f', arrival), 'PX', string.format('%.0f', burst * interval + 1000))
local at = string.format('%.0f', math.max(now, tonumber(redis.call('GET', KEYS[3]) or '0') + 1))
redis.call('SET', KEYS[3], at, 'EX', ARGV[5])
redis.call('SET', KEYS[1], at .. ' ' .. ARGV[1] .. ' begun', 'EX', ARGV[4])
return {'new', at}
