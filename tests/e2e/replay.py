"""`sipward replay` of a capture tells what the shield did when it was taken: by packet, by source, in sum."""

import ipaddress
import socket
import struct
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from harness import capture, nft, scanners, sip, sipp
from harness.case import EndToEnd, main
from harness.net import CORE4, CORE6
from harness.shield import RULES
from harness.wait import wait_until

_WOULD_DROP = 10
_PADDING = tuple(f"X-Padding-{i}: {'x' * 90}" for i in range(20))
_STRICT = """[[rule]]
id = "no-yealink"
description = "For this test: the caller's own phones"
scope = "user-agent"
match = "prefix"
pattern = "Yealink"
action = "drop"
source = "this test"
added = 2026-01-31
catches = ["Yealink SIP-T46S"]
passes = ["Grandstream"]
"""

Key = tuple[str, str, str]


class Replay(EndToEnd):
    roles = ("callers", "svmap", "svwar")
    captures: ClassVar[dict[str, Path]] = {}
    live: ClassVar[dict[str, Any]] = {}

    def test_1_peers_and_scanners_are_captured(self) -> None:
        # What the live path made of it is kept for the other tests.
        core, logs = self.network.core, self.scratch / "logs"
        running = [capture.tcpdump(core, self.scratch / "any.pcap", logs),
                   capture.dumpcap(core, self.scratch / "links.pcapng", logs, *(f"to-{role}" for role in self.roles))]
        self.shield.start()
        self._traffic()
        with self.endpoint("callers", 4, 250) as last:
            self.kamailio.settle(last)
            self.live["packets"] = self.shield.packets()
            wait_until(lambda: _holds_all(running, last.port), 10, "the captures to be written")
        for one in running:
            self.captures[one.path.suffix] = one.stop()
        self.live["bans"] = self.shield.cli.json("bans", "list", "--limit", "0")["bans"]
        self.assert_balanced(self.live["packets"])
        for reason in ("banned", "signature", "method", "not_sip"):
            self.assertGreater(self.live["packets"]["dropped"].get(reason, 0), 0, self.live["packets"])

    def test_2_the_sums_are_those_of_the_live_path(self) -> None:
        for suffix in self.captures:
            with self.subTest(suffix):
                packets = self._replay(suffix)["packets"]
                live = self.live["packets"]
                self.assertEqual(packets["offered"], live["offered"], packets)
                self.assertEqual(_nonzero(packets["dropped"]), _nonzero(live["dropped"]))
                self.assertEqual(_nonzero(packets["passed"]), _nonzero(live["read_as"]))
                total = sum(sum(packets[kind].values()) for kind in ("passed", "dropped", "ignored"))
                self.assertEqual(packets["captured"], total, packets)

    def test_3_the_requests_that_pass_are_those_that_reached_the_softswitch(self) -> None:
        local = {CORE4, CORE6, "127.0.0.1"}
        reached: set[Key] = {(_plain(r.source), r.method, r.call_id) for r in self.kamailio.received()
                             if r.source.strip("[]") not in local}
        for suffix in self.captures:
            with self.subTest(suffix):
                messages = [m for m in self._replay(suffix)["messages"] if _is_request(m)]
                passed = {_key(m) for m in messages if m["reason"] == "request"}
                self.assertEqual(passed, reached, "requests that passed")
                dropped = {_key(m) for m in messages if m["verdict"] != "pass"}
                self.assertGreater(len(dropped), 10)
                self.assertFalse(dropped & reached, "dropped requests that reached the softswitch")

    def test_4_each_source_fared_alike(self) -> None:
        answer = self._replay(".pcap")
        self.assertGreater(len(answer["by_source"]), 15)
        live: Counter[tuple[str, str]] = Counter()  # a source that became known has changed the queue, and has two rows
        for row in self.shield.cli.json("stats", "--sources", "1000")["by_source"]:
            for kind in ("read", "dropped"):
                live[row["address"], kind] += row[kind]
        for row in answer["by_source"]:
            with self.subTest(row["address"]):
                told = self.shield.cli.json("explain", row["address"])
                in_kernel = (nft.banned(self.network.core, row["address"]) or nft.Element(None, None, 0)).packets
                dropped = live[row["address"], "dropped"]
                self.assertEqual(row["passed"], live[row["address"], "read"] - dropped)
                self.assertEqual(row["dropped"], dropped + in_kernel)
                if told["evidence"]:
                    self.assertEqual(row["rule"], told["evidence"][-1]["rule"])
        bans = {(b["net"], b["reason"], b["rule"], b["verified"]) for b in self.live["bans"]}
        self.assertEqual({(b["net"], b["reason"], b["rule"], b["verified"]) for b in answer["bans"]}, bans)
        self.assertIn(True, {ban[3] for ban in bans}, "a source that was verified by its handshake")

    def test_5_fragments_are_put_together(self) -> None:
        for suffix in self.captures:
            answer = self._replay(suffix)
            self.assertGreaterEqual(answer["fragments"]["completed"], 4)
            self.assertEqual(answer["packets"]["ignored"]["fragment_lost"], 0)

    def test_6_the_exit_code_tells_whether_something_would_be_dropped(self) -> None:
        clean = capture.select(self.captures[".pcap"], self.scratch / "clean.pcap",
                               f"host {self.network['callers'].address(4, 20)}")
        done = self.shield.cli("replay", str(clean), "--config", str(self.shield.config))
        self.assertEqual((done.code, done.err), (0, ""), done)
        done = self.shield.cli("replay", str(self.captures[".pcap"]), "--config", str(self.shield.config))
        self.assertEqual((done.code, done.err), (_WOULD_DROP, ""), done)
        self.assertIn("sipvicious-tag-address", done.out)

    def test_7_other_rules_are_compared_with_the_running_ones(self) -> None:
        same = self._against_running(RULES, 0)
        self.assertEqual((same["packets"], same["by_rule"]), ([], []))
        strict = self.scratch / "strict"
        strict.mkdir()
        for file in Path(RULES).glob("*.toml"):
            (strict / file.name).write_text(file.read_text())
        (strict / "strict.toml").write_text(_STRICT)
        different = self._against_running(str(strict), _WOULD_DROP)
        self.assertGreater(different["newly_dropped"], 5)
        self.assertEqual(different["newly_passed"], 0)
        self.assertEqual([row["rule"] for row in different["by_rule"]], ["no-yealink"])
        self.assertEqual({packet["verdict"] for packet in different["packets"]}, {"drop"})
        # Of a connection that a rule has ended no later segment passes, whatever it holds.
        self.assertEqual({p["rule"] for p in different["packets"] if p["transport"] == "udp"}, {"no-yealink"})
        before = Counter(packet["running"]["verdict"] for packet in different["packets"])
        self.assertEqual(before["pass"], different["newly_dropped"])
        self.assertEqual(sum(before.values()) - before["pass"], different["other_reason"], "dropped by the running too")
        # What is in effect counts, not what the files say.
        self.shield.cli.json("rules", "disable", "friendly-scanner")
        overridden = self._against_running(RULES, _WOULD_DROP)
        self.assertIn("friendly-scanner", {row["rule"] for row in overridden["by_rule"] if not row["hits_running"]})
        self.shield.cli.json("rules", "reset", "friendly-scanner")
        self.assertEqual(self._against_running(RULES, 0)["packets"], [])
        # A whitelisted source is trusted by both.
        address = self.network["callers"].address(4, 34)
        self.shield.cli.json("whitelist", "add", address)
        trusting = self._against_running(str(strict), _WOULD_DROP)
        self.assertNotIn(address, {packet["source"] for packet in trusting["packets"]})
        self.assertIn(address, {packet["source"] for packet in different["packets"]})

    def _traffic(self) -> None:
        callers = self.network["callers"]
        scans = [tool(self.network[role], self.network[role].address(version, 20 + version), self.scratch,
                      f"{role}-{version}")
                 for version in (4, 6) for role, tool in (("svmap", scanners.svmap), ("svwar", scanners.svwar))]
        runs = [sipp.Caller(callers.namespace, callers.own(version, 20), self.scratch, transport=transport, calls=10,
                            rate=10)
                for version in (4, 6) for transport in ("u1", "t1")]
        self.assertFalse(scanners.sipsak(callers, callers.own(4, 30)), "sipsak is no listed station")
        for version in (4, 6):
            self._fragments(version)
            self._odd_ones(version)
            self._streams(version)
        for run in runs:
            self.assertTrue(run.result().all_succeeded)
        for scan in scans:
            self.assertEqual(scan.finding().found, ())

    def _fragments(self, version: int) -> None:
        body = sip.SDP + "".join(f"a=candidate:{i} 1 UDP 1 192.0.2.{i} 40000 typ host\r\n" for i in range(60))
        with self.endpoint("callers", version, 31) as caller:
            self.assertEqual(caller.ask(caller.request("INVITE", body=body), 2), 404)
        with self.endpoint("callers", version, 32) as scanner:
            # The name that gives it away is in the second fragment.
            scanner.send(scanner.request("INVITE", agent=None, headers=(*_PADDING, "User-Agent: friendly-scanner")))
            self.shield.wait_banned(scanner.source)
            scanner.send(scanner.request("INVITE", body=body))

    def _odd_ones(self, version: int) -> None:
        with self.endpoint("callers", version, 33) as stranger:
            for message in (b"\x01\x02 no SIP", b"\r\n\r\n", sip.stun_binding(), b"",
                            b"SIP/2.0 200 OK\r\n" + stranger.request("OPTIONS").split(b"\r\n", 1)[1]):
                stranger.send(message)
            for _ in range(22):  # refused, and from the twentieth on banned
                stranger.send(stranger.request("OPTIONS"))
            self.shield.wait_banned(stranger.source)
            stranger.send(stranger.request("REGISTER"))

    def _streams(self, version: int) -> None:
        with self.endpoint("callers", version, 34, "tcp") as caller:
            caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            message = caller.request("MESSAGE", body="x" * 5000, content_type="text/plain")
            head = message.index(b"\r\n\r\n") + 4
            caller.send(message[:head + 100])
            caller.send(message[head + 100:])
            self.assertEqual(caller.ask(caller.request("MESSAGE"), 5), 200)
        for host, cut in ((35, None), (36, b"friendly-sc")):
            with self.endpoint("callers", version, host, "tcp") as scanner:
                scanner.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Closed with a RST: a connection that the shield silenced would retransmit beyond the capture's end.
                scanner.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Nothing before the cut gives it away: such a connection would end there.
                message = scanner.request("REGISTER", agent="friendly-scanner")
                at = message.index(cut) + len(cut) if cut else 0
                for part in (message[:at], message[at:]):
                    if part:
                        scanner.send(part)
                self.shield.wait_banned(scanner.source)

    def _replay(self, suffix: str) -> dict[str, Any]:
        # Without "cooked" headers nothing says which packets the host itself sent: the protected addresses do.
        protect = [] if suffix == ".pcap" else ["--protect", CORE4, "--protect", CORE6]
        return self.shield.cli.json("replay", str(self.captures[suffix]), "--config", str(self.shield.config),
                                    "--messages", "--sources", "0", *protect, code=_WOULD_DROP)

    def _against_running(self, rules: str, code: int) -> dict[str, Any]:
        return self.shield.cli.json("replay", str(self.captures[".pcap"]), "--config", str(self.shield.config),
                                    "--rules", rules, "--against-running", code=code)["against_running"]


def _holds_all(running: list[capture.Capture], port: int) -> bool:
    """Whether the last datagram, known by its source port, is in every file."""
    mark = port.to_bytes(2, "big") + (5060).to_bytes(2, "big")
    return all(one.path.exists() and mark in one.path.read_bytes() for one in running)


def _nonzero(counts: dict[str, int]) -> Counter[str]:
    return Counter({reason: n for reason, n in counts.items() if n})


def _plain(address: str) -> str:
    return str(ipaddress.ip_address(address.strip("[]")))


def _is_request(message: dict[str, Any]) -> bool:
    return bool(message["start_line"]) and not message["start_line"].startswith("SIP/2.0 ")


def _key(message: dict[str, Any]) -> Key:
    return message["source"], message["start_line"].split(" ")[0], message["call_id"]


if __name__ == "__main__":
    main()
