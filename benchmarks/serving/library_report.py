"""Write the section of docs/internals/serving-performance.md that compares libraries."""

from __future__ import annotations

from typing import Any

from benchmarks.tables import table

OWN = "asyncio + httptools"


def libraries_section(results: dict[str, Any]) -> str:
    found = results["libraries"]["found"]
    servers = found["servers"]
    rows = [
        [
            name,
            f"{values['idle_pss'] / 1e6:.1f}",
            f"{values['one_row_requests_per_second']:,.0f}",
            f"{values['one_row_p50'] * 1e3:.2f}",
            f"{values['one_row_p99'] * 1e3:.2f}",
            "yes" if values["streams"] else "no",
            f"{values['body_bytes_per_second'] / 1e6:,.0f}",
            f"{values['growth_100_mb'] / 1e6:.1f}",
            f"{values['ping_p99'] * 1e3:.2f}",
        ]
        for name, values in servers.items()
    ]
    heads = ["", "idle, MB", "one row: requests/s", "p50, ms", "p99, ms"]
    heads += ["body streams", "body: MB/s", "100 MB body: grows by, MB", "`/ping` meanwhile: p99, ms"]
    about = found["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    others = {name: values for name, values in servers.items() if name != OWN}
    quickest = max(others, key=lambda name: others[name]["one_row_requests_per_second"])
    times = servers[OWN]["one_row_requests_per_second"] / others[quickest]["one_row_requests_per_second"]
    return f"""## The HTTP library

Which library should serve? All ran the same application, which reads a body in pieces of up to 64 KB, throws it away
and answers four bytes; one process, 8 threads where there are threads, no log. `benchmarks/serving/http_servers` has
it. The server has one CPU, the load ({about["tool"]}) the other: 8 kept connections with one-row requests (252
bytes); then bodies of 18 MB, one after the other, while another connection asks for `/ping` every 2 ms; then one body
of 100 MB. Medians of {about["rounds"]} rounds; those of 2026-11-22 are of a busy machine, where p99 says little.
Python alone takes {found["python_pss"] / 1e6:.1f} MB.

{table(heads, rows)}

We took asyncio with a protocol of our own on httptools, the parser of Node.js (llhttp):

- It answers one-row requests {times:.1f} times as fast as the next ({quickest}). What the frameworks add is a task, a
  scope, queues and events for each request; ours calls the application.
- Memory: what the others bring, between them, is loggers, configuration, supervisors of worker processes (gunicorn,
  granian: two processes), TLS, WebSockets and HTTP/2, none of which a container behind SageMaker's agent can use. Of
  the 20 MB that a whole container may take, uvicorn, hypercorn, gunicorn and granian leave little or nothing to the
  model and its rows.
- waitress takes the least, but bodies do not stream: it writes them to a temporary file before the application sees
  the first byte. That needs a disk, which may be read-only, and the time that it takes is lost to scoring.
- One event loop does all reading and writing, so `/ping` waits for no thread, as it must in servers that give a
  thread to each request under way, once slow bodies have taken them all. Scoring goes to threads and gives the
  interpreter up.
- Bodies must stop coming when scoring is behind: with the transport in hand that is `pause_reading`.
- http.server is small too, and quick with large bodies, but starts a thread for each connection, however many there
  are, and its documentation advises against production.

The price: we own what the protocol around the parser does (keep-alive, pipelining, `100-continue`, time limits,
draining), and have to test it.

Versions: {versions}."""
