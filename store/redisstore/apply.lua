-- Runs the operations of one slot in order and stops after the first whose
-- condition fails.
--
-- KEYS: the count of writes, then the keys of the operations.
-- ARGV: the count that the caller knows of, then each operation's name and arguments.
--
-- The count comes first: it refuses before anything is done where the server is
-- full, where it has forgotten writes, and where the epoch has ended.
local count = redis.pcall('INCR', KEYS[1])
if type(count) == 'table' then
  if string.find(count.err, 'not an integer', 1, true) then return redis.error_reply('ENDED') end
  return count
end
if count <= tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], 'ended', 'PX', 2678400000)
  return redis.error_reply('ENDED')
end

local replies = {count}
local k, a = 2, 2
while ARGV[a] do
  local op, key, reply, fails = ARGV[a], KEYS[k], false, true
  if op == 'get' then
    reply, fails = redis.call('GET', key), false
    a = a + 1
  elseif op == 'put' then
    reply = redis.call('SET', key, ARGV[a + 1], 'PX', ARGV[a + 2], 'NX') and 1
    a = a + 3
  elseif op == 'set' then
    if redis.call('GET', key) == ARGV[a + 1] then
      redis.call('SET', key, ARGV[a + 2], 'PX', ARGV[a + 3])
      reply = 1
    end
    a = a + 4
  elseif op == 'take' then
    reply = redis.call('GETDEL', key)
    a = a + 1
  elseif op == 'move' then
    k = k + 1
    local value = redis.call('GET', key)
    if value and redis.call('RENAMENX', key, KEYS[k]) == 1 then
      redis.call('PEXPIRE', KEYS[k], ARGV[a + 1])
      reply = value
    end
    a = a + 2
  elseif op == 'del' then
    reply, fails = redis.call('DEL', key), false
    a = a + 1
  elseif op == 'count' then
    local held, left = redis.call('GET', key), ARGV[a + 2]
    local n = tonumber(held or 0)
    if not n then return redis.error_reply('ERR key holds no counter') end
    if held then left = redis.call('PTTL', key) end
    if n >= tonumber(ARGV[a + 1]) then
      replies[#replies + 1] = {0, n, tonumber(left)}
      return replies
    end
    if held then redis.call('SET', key, n + 1, 'KEEPTTL') else redis.call('SET', key, 1, 'PX', left) end
    reply = {1, n + 1, tonumber(left)}
    a = a + 3
  elseif op == 'uncount' then
    local held = redis.call('GET', key)
    local n = tonumber(held or 0)
    if not n then return redis.error_reply('ERR key holds no counter') end
    reply, fails = {0, 0, 0}, false
    if held then
      n = math.max(n - ARGV[a + 1], 0)
      redis.call('SET', key, n, 'KEEPTTL')
      reply = {1, n, redis.call('PTTL', key)}
    end
    a = a + 2
  else
    return redis.error_reply('ERR unknown operation')
  end
  replies[#replies + 1] = reply
  if fails and not reply then return replies end
  k = k + 1
end
return replies
