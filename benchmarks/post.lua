-- Posts the bodies of a file in turn, and tells the result as one line of JSON. Before each body stands its length, and
-- each ends with the end of a line, which is not a part of it.
-- wrk ... -s post.lua URL -- BODIES PATH CONTENT-TYPE ACCEPT

local requests, turn = {}, 0

function init(args)
  local file = io.open(args[1], "rb")
  local length = file:read("*n")
  while length do
    file:read(1)
    local body = file:read(length)
    requests[#requests + 1] = wrk.format("POST", args[2], { ["Content-Type"] = args[3], ["Accept"] = args[4] }, body)
    length = file:read("*n")
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
