-- wrk's side of latency.py: sends each line of a file as a request of its own, prints percentiles in seconds as JSON.
local requests, i = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = "text/csv" }, line .. "\n")
  end
end

function request()
  i = i % #requests + 1
  return requests[i]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests_per_second": %.1f, "p50": %.7f, "p90": %.7f, "p99": %.7f, "errors": %d}',
    summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e6, latency:percentile(90) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
