"""Floods of every kind and origin with the shipped limits: the softswitch gets what they allow, callers lose nothing."""

import time
from dataclasses import dataclass
from typing import ClassVar

from harness import sip, sipp
from harness.case import EndToEnd, main
from harness.flood import NET4, NET6, WIDE4, WIDE6, WIDE_FIRST4, WIDE_FIRST6, Flood
from harness.kamailio import password_of
from harness.phone import Phone
from harness.wait import wait_until

_VERSIONS = (4, 6)
_SECONDS = 5
_FORGED = 20_000
_UNSHIELDED = 250
_USER = "101"
# What proved nothing gets half of limits.budget, "200/s burst 400".
_BUDGET_PER_S, _BUDGET_BURST = 100, 200
# A new caller's INVITE and BYE may both have been kept away until SIPp gave up, 32 s each.
_PATIENCE_S = 120


@dataclass(frozen=True)
class Allowed:
    """What limits let through: at least, and at most in so many seconds."""

    least: int
    burst: int
    per_s: float

    def most(self, seconds: float) -> float:
        return self.burst + self.per_s * seconds + 1


@dataclass(frozen=True)
class Kind:
    """A flood, and what of it one address and one prefix may send. With more than 10 (30) unanswered requests or
    ports at once the rates need not be used up."""

    name: str
    address: Allowed
    prefix: Allowed
    ports: int = 1


_KINDS = (Kind("register", Allowed(10, 10, 1 / 6), Allowed(30, 60, 1)),
          Kind("invite", Allowed(10, 10, 1 / 6), Allowed(30, 60, 1), ports=40),
          Kind("options", Allowed(10, 20, 1 / 3), Allowed(30, 120, 2)),
          Kind("garbage", Allowed(10, 10, 1 / 6), Allowed(60, 60, 1)))


@dataclass(frozen=True)
class Round:
    """A flood and what of it reached the softswitch, by version."""

    passed: dict[int, int]
    bypassed: int  # of these at most, or of what others sent: unread
    seconds: float


@dataclass(frozen=True)
class Callers:
    """The runs of one class of caller: calls and registrations over IPv4 and IPv6."""

    name: str
    runs: tuple[sipp.Caller, ...]


class Bystanders(EndToEnd):
    """A trusted, a known and, in each round, a new caller beside a flood."""

    roles = ("trusted", "known", "new", "flood")
    limits = "shipped"
    log_requests = False
    rounds: ClassVar[int] = 0

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.network["flood"].carry(NET4, NET6, WIDE4, WIDE6)
        cls.flood_unshielded()
        cls.shield.start()
        for version in _VERSIONS:
            for host in (20, 21):
                trusted = cls.network["trusted"].own(version, host)
                cls.shield.cli.json("whitelist", "add", trusted)
                cls.meter.watch_address(trusted)
                with cls.endpoint("known", version, host) as endpoint:
                    assert Phone(endpoint, _USER).register() == 200
                    cls.shield.wait_known(endpoint.source)
                    cls.meter.watch_address(endpoint.source)

    @classmethod
    def flood_unshielded(cls) -> None:
        """Half a second of it, from addresses of their own, before there is a shield."""
        for number, kind in enumerate(_KINDS):
            for source in (f"10.90.250.{number + 1}", f"2001:db8:90:ffff::{number + 1}"):
                cls.meter.watch(f"unshielded-{kind.name}-{source}", source)
                Flood(cls.network["flood"], cls.scratch, kind.name, source, pps=500, packets=_UNSHIELDED,
                      ports=kind.ports, name=f"unshielded-{kind.name}-{source.replace(':', '.')}").totals()

    def start_callers(self) -> list[Callers]:
        host = 30 + 2 * self.rounds
        return [self._callers("trusted", 20, 12, 4), self._callers("known", 20, 12, 4),
                self._callers("new", host, 4, 2)]

    def assert_served(self, callers: list[Callers], budget_before: int) -> None:
        """Trusted and known lost nothing; the new one only when a counter says that the budget was used up."""
        exhausted = self._over_budget() > budget_before
        for group in callers:
            for run in group.runs:
                result = run.result(_PATIENCE_S)
                if group.name != "new" or not exhausted:
                    self.assertTrue(result.all_succeeded, f"{run.name}: {result}")
                elif not result.all_succeeded:
                    print(f"  {run.name}: {result.successful} of {result.started}, the budget being used up")
        self.shield.packets()  # nothing is on its way through a queue
        lost = {address: count.lost for address, count in self.meter.read().items()
                if address[0].isdigit() and not address.endswith("/24") and count.lost}
        self.assertEqual(lost, {}, "packets of listed and known callers that did not arrive")

    def budget(self) -> int:
        return self._over_budget()

    def _callers(self, role: str, host: int, calls: int, rate: int) -> Callers:
        link, runs = self.network[role], []
        for version in _VERSIONS:
            for offset, (scenario, user, password) in enumerate((("call.xml", "uas", ""),
                                                                 ("register.xml", _USER, password_of(_USER)))):
                name = f"{self.rounds:02}-{role}-{scenario.removesuffix('.xml')}-{version}"
                runs.append(sipp.Caller(link.namespace, link.own(version, host + offset), self.scratch, scenario,
                                        name=name, calls=calls, rate=rate, user=user, password=password))
        return Callers(role, tuple(runs))

    def bypassed(self) -> int:
        """Packets that a full queue let pass unread, as it is to when the machine is too slow."""
        return sum(self.shield.cli.json("stats")["packets"]["bypassed"].values())

    def _over_budget(self) -> int:
        dropped = self.shield.cli.json("stats")["packets"]["dropped"]
        return dropped["budget"] + dropped["unknown_budget"]


class Floods(Bystanders):
    """What strangers may not send at all by the shipped policy is let in here, so that the limits have to hold it."""

    settings: ClassVar = {"methods.unknown": {"OPTIONS": "allow"}, "policy": {"not_sip": "pass"}}

    def test_0_without_the_shield_all_of_it_arrives(self) -> None:
        for name, count in self.meter.read().items():
            if name.startswith("unshielded-"):
                self.assertEqual((count.offered, count.delivered), (_UNSHIELDED, _UNSHIELDED), name)

    def test_1_from_one_address(self) -> None:
        for kind in _KINDS:
            with self.subTest(kind.name):
                self._assert_held(self._round(kind, sources=1, pps=500), kind.address)

    def test_2_from_a_whole_prefix(self) -> None:
        for kind in _KINDS:
            with self.subTest(kind.name):
                self._assert_held(self._round(kind, sources=254, pps=1500), kind.prefix)

    def test_3_from_20_000_forged_addresses(self) -> None:
        """Each sends one packet, from a net of its own: the budget of all alone holds it."""
        allowed = Allowed(_BUDGET_PER_S * (_SECONDS - 1), _BUDGET_BURST, _BUDGET_PER_S)
        for kind in _KINDS:
            with self.subTest(kind.name):
                before = self.budget()
                held = self._round(kind, sources=_FORGED, pps=4000)
                passed = sum(held.passed.values())
                self.assertGreaterEqual(passed, allowed.least, "fewer than allowed")
                self.assertLessEqual(passed, allowed.most(held.seconds) + held.bypassed, "more than allowed")
                self.assertGreater(self.budget(), before, "what the budget kept away")

    def test_4_all_of_it_is_accounted_for(self) -> None:
        self.assert_balanced(self.shield.packets())

    def _assert_held(self, held: Round, allowed: Allowed) -> None:
        for version, count in held.passed.items():
            self.assertGreaterEqual(count, allowed.least, f"IPv{version}: fewer than allowed")
            self.assertLessEqual(count, allowed.most(held.seconds) + held.bypassed, f"IPv{version}: more than allowed")

    def _round(self, kind: Kind, sources: int, pps: int) -> Round:
        """Both families at once."""
        type(self).rounds += 1
        bypassed = self.bypassed()
        nets = {version: self._net(version, sources) for version in _VERSIONS}
        for version, (name, net, _) in nets.items():
            self.meter.watch(name, net)
        before, budget_before, start = self.meter.read(), self.budget(), time.monotonic()
        floods = [Flood(self.network["flood"], self.scratch, kind.name, first, sources=sources, pps=pps,
                        seconds=_SECONDS, packets=max(sources, pps * _SECONDS) if sources < _FORGED else sources,
                        ports=kind.ports, apart=sources == _FORGED, name=f"{self.rounds:02}-{kind.name}-{version}")
                  for version, (_, _, first) in nets.items()]
        wait_until(lambda: all(self.meter.count(name).offered - before[name].offered > 100
                               for name, _, _ in nets.values()), 5, "the flood")
        callers = self.start_callers()
        sent = [flood.totals().sent for flood in floods]
        self.assert_served(callers, budget_before)
        after, seconds = self.meter.read(), time.monotonic() - start
        passed = {version: after[name].delivered - before[name].delivered for version, (name, _, _) in nets.items()}
        offered = sum(after[name].offered - before[name].offered for name, _, _ in nets.values())
        # A busy machine's backlog may lose some before the shield.
        self.assertGreater(offered, 0.8 * sum(sent), "packets of the flood that came to the shield")
        self.assertLessEqual(offered, sum(sent))
        held = Round(passed, self.bypassed() - bypassed, seconds)
        self.assertLess(held.bypassed, 0.02 * offered, "let pass unread")
        print(f"\n  {kind.name} from {sources}: {sum(sent)} sent, {offered} offered, passed over IPv4 {passed[4]}, "
              f"over IPv6 {passed[6]}, {held.bypassed} unread, in {seconds:.1f} s")
        return held

    def _net(self, version: int, sources: int) -> tuple[str, str, str]:
        """A name, a net that no other round uses, and its first address. Forged sources share the wide nets."""
        number = self.rounds
        if sources == _FORGED:
            first = f"10.128.0.{number}" if version == 4 else f"3fff::{number:x}"
            return f"wide-{version}", WIDE4 if version == 4 else WIDE6, first
        if version == 4:
            return f"round-{number}-4", f"10.90.{number}.0/24", f"10.90.{number}.1"
        return f"round-{number}-6", f"2001:db8:90:{number:x}::/64", f"2001:db8:90:{number:x}::1"


class ShippedPolicy(Bystanders):
    """As a user meets it: strangers' OPTIONS and what is no SIP do not get in at all, and OPTIONS ban."""

    def test_1_nothing_gets_in(self) -> None:
        for kind in ("options", "garbage"):
            with self.subTest(kind):
                type(self).rounds += 1
                budget_before, bypassed = self.budget(), self.bypassed()
                sources = [f"10.90.{self.rounds}.1", f"2001:db8:90:{self.rounds:x}::1"]
                for source in sources:
                    self.meter.watch(f"flood-{source}", source)
                floods = [Flood(self.network["flood"], self.scratch, kind, source, pps=500, seconds=_SECONDS)
                          for source in sources]
                callers = self.start_callers()
                for flood in floods:
                    flood.totals()
                self.assert_served(callers, budget_before)
                unread = self.bypassed() - bypassed
                for source in sources:
                    count = self.meter.count(f"flood-{source}")
                    self.assertGreater(count.offered, 1000)
                    self.assertLessEqual(count.delivered, unread, f"{kind} of {source} that arrived")
                    self._assert_short_ban(source)

    def _assert_short_ban(self, source: str) -> None:
        bans = {ban["net"]: ban for ban in self.shield.cli.json("bans", "list", "--limit", "0")["bans"]}
        ban = bans[source]
        self.assertFalse(ban["verified"])
        self.assertLessEqual(ban["left_ms"], 60_000)


if __name__ == "__main__":
    main()
