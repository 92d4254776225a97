// Replies as the daemon gives them (lib/control/PROTOCOL.md).
#pragma once

#include <nlohmann/json.hpp>

namespace sipward::test {

[[nodiscard]] inline nlohmann::json status_reply() {
  return nlohmann::json::parse(R"({
    "version": "0.1.0", "pid": 4711, "started": "2026-11-01T10:00:00.000Z", "uptime_ms": 7380000,
    "mode": {"mode": "enforce", "until": null, "then": null},
    "ports": {"udp": [5060, 5080], "tcp": [5060]},
    "queue_target": "queue", "fail_open": true,
    "queues": [{"number": 100, "class": "unknown", "depth": 3, "length_max": 4096, "read": 1234567, "alive": true}],
    "rules": {"count": 57, "ban": 30, "drop": 10, "score": 10, "log": 7, "directory": "/usr/share/sipward/rules"},
    "bans": {"active": 12, "max": 65536}, "known": {"entries": 1042}, "whitelist": {"entries": 3}, "table": {"present": true},
    "conntrack": {"entries": 1000, "limit": 262144}, "store": {"path": "/var/lib/sipward/state.db", "errors": 0},
    "problems": []})");
}

[[nodiscard]] inline nlohmann::json stats_reply() {
  return nlohmann::json::parse(R"({
    "since": "2026-11-01T10:00:00.000Z",
    "packets": {"offered": 2000, "trusted": 500, "read": 1500, "passed": {"request": 900, "response": 100, "peer": 0},
                "dropped": {"signature": 400, "method": 90}, "bypassed": {"queue_full": 8}, "in_queue": 4, "unaccounted": 0},
    "by_rule": [{"rule": "friendly-scanner", "action": "ban", "hits": 321}],
    "by_method": [{"method": "OPTIONS", "read": 500, "dropped": 490}],
    "by_source": [{"address": "192.0.2.9", "read": 77, "dropped": 76, "reason": "signature", "last_seen": "2026-11-01T10:00:00.000Z"}],
    "events": {}})");
}

[[nodiscard]] inline nlohmann::json ban_reply() {
  return nlohmann::json::parse(R"({"net": "192.0.2.9", "reason": "signature", "rule": "friendly-scanner",
    "origin": "auto:friendly-scanner", "verified": false, "created": "2026-11-01T10:00:00.000Z",
    "expires": "2026-11-01T11:00:00.000Z", "left_ms": 3552000, "dropped": 1234})");
}

[[nodiscard]] inline nlohmann::json entry_reply() {
  return nlohmann::json::parse(
      R"({"net": "198.51.100.0/24", "class": "trusted", "comment": "carrier, \"east\"",
    "created": "2026-11-01T10:00:00.000Z", "expires": null, "origin": "cli:root"})");
}

[[nodiscard]] inline nlohmann::json explain_reply() {
  return nlohmann::json::parse(R"({
    "address": "192.0.2.9", "class": "unknown", "whitelist": [],
    "ban": {"net": "192.0.2.9", "reason": "signature", "rule": "friendly-scanner", "origin": "auto:friendly-scanner",
            "verified": false, "created": "2026-11-01T10:00:00.000Z", "expires": "2026-11-01T11:00:00.000Z",
            "left_ms": 3552000, "packets": 4321},
    "evidence": [{"time": "2026-11-01T10:00:00.000Z", "rule": "friendly-scanner", "reason": "signature", "action": "ban",
                  "transport": "udp", "source_port": 5071, "destination": "203.0.113.1:5060", "verified": false,
                  "excerpt": "OPTIONS sip:100@203.0.113.1 SIP/2.0\r\nUser-Agent: my friendly-scanner 1\r\n\r\n",
                  "value": "my friendly-scanner 1", "match_begin": 3, "match_end": 19}],
    "counters": {"read": 12, "passed": 2, "dropped": 10, "reason": "signature", "first_seen": "2026-11-01T09:00:00.000Z",
                 "last_seen": "2026-11-01T10:00:00.000Z"},
    "history": [{"created": "2026-10-01T10:00:00.000Z", "ended": "2026-10-01T11:00:00.000Z", "reason": "method", "rule": "",
                 "end": "expired"}],
    "new_options": {"verdict": "drop", "reason": "banned", "text": "dropped in the kernel: the source is banned"},
    "advice": ["to let it in: sipward whitelist add 192.0.2.9"]})");
}

}  // namespace sipward::test
