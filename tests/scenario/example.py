"""One valid scenario that uses every part of the format; tests change one thing in it."""

TEXT = """\
title: Live admin notifications
question: What does a deploy cost the office?
intent:
  kind: notifications
  useful_for: 10m
  needs: []
feature:
  project: shop
  channel: admin-notifications
  options: {bufferSize: 32, onFull: drop-oldest, messageTTL: 10m}
  stream:
    path: /admin/notifications
    permission: {user: [GET]}
    replay: {lastN: 5, maxAge: 5m}
  events:
    content-updated:
      type: object
      additionalProperties: false
      required: [id, status]
      properties: {id: {type: string}, status: {enum: [draft, published]}}
      examples: [{id: "7", status: published}]
    maintenance-warning:
      type: object
      additionalProperties: false
      required: [at]
      properties: {at: {type: string, format: date-time}}
  senders:
    - {hook: POST /content, permission: {token:editor: [POST]}, sends: content-updated}
    - {job: "*/4 * * * *", timezone: Europe/Berlin, sends: maintenance-warning, data: {at: "{now}"}}
workload:
  duration: 10m
  publish:
    - {event: content-updated, arrivals: {poisson: 4/s}, data: {id: "{n}", status: published}}
    - {event: content-updated, arrivals: {batch: {rate: 2/min, size: {geometric: 3.5}}}}
    - event: content-updated
      arrivals: {on-off: {rate: 1/s, on: {exponential: 20s}, off: 40s}}
  subscribers:
    office: {count: 20, drain: {exponential: 20ms}, latency: 5ms, window: 4}
    train:
      count: 5
      drain: {erlang: {mean: 100ms, shape: 3}}
      latency: 50ms
      window: 16KiB
      online: {up: {exponential: 60s}, down: {uniform: {low: 5s, high: 15s}}}
      reconnect: {after: 3s, jitter: 1s, backoff: 2, atMost: 30s}
    kiosk:
      drain: {hyperexponential: [{p: 0.9, mean: 10ms}, {p: 0.1, mean: 1s}]}
      reconnect: at-once
      client: patient
      credentials: none
faults:
  - {at: 3m, stall: office, for: 45s}
  - {at: 5m, restart: server, for: 2s}
  - {at: 7m, disconnect: train, by: 0.5}
expect:
  - missed_fraction(office) <= 0.1
  - p90(staleness_s, train) <= 45
  - reached(drop-oldest)
server: {heartbeat: 15s, peerTimeout: 30s, writeDeadline: 60s, retrySpread: [2s, 5s], quiet: 60s}
variants: {resume: last-event-id}
site: {directory: ., validate: yarn validate}
starts: 2026-03-01T08:00:00Z
timezone: UTC
"""
