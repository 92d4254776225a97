"""What the kernel holds, read with nft's JSON; and a table of the test's own that counts beside the shield's."""

import ipaddress
import json
from dataclasses import dataclass

from .process import must, run

SHIELD = "sipward"
QUEUES = "sipward_queue"
_METER = "e2e"


@dataclass(frozen=True)
class Element:
    """A member of a set: seconds (None: for ever) and packets (None: not counted)."""

    timeout_s: float | None
    expires_s: float | None
    packets: int | None


@dataclass(frozen=True)
class Count:
    """Packets of a watched source that came to the host, and those that reached its sockets."""

    offered: int
    delivered: int

    @property
    def lost(self) -> int:
        return self.offered - self.delivered


def tables(namespace: str) -> list[str]:
    """ "inet sipward", …; in order."""
    # As text: the JSON of nft 1.0.6 breaks off at a table that has an owner.
    listed = must(["nft", "list", "tables"], namespace)
    return sorted(line.removeprefix("table ").strip() for line in listed.splitlines())


def exists(namespace: str, table: str = SHIELD) -> bool:
    return f"inet {table}" in tables(namespace)


def counters(namespace: str, table: str = SHIELD) -> dict[str, int]:
    """Packets by counter name."""
    return {c["name"]: c["packets"] for c in _objects(namespace, f"list counters table inet {table}", "counter")}


def elements(namespace: str, name: str, table: str = SHIELD) -> dict[str, Element]:
    """By address, as the ipaddress module writes it; nets as ADDRESS/LENGTH. {} when there is no such set."""
    found: dict[str, Element] = {}
    for one in _objects(namespace, f"list set inet {table} {name}", "set"):
        for item in one.get("elem", []):
            body = item["elem"] if isinstance(item, dict) and "elem" in item else {"val": item}
            found[_key(body["val"])] = Element(body.get("timeout"), body.get("expires"),
                                               body.get("counter", {}).get("packets"))
    return found


def element(namespace: str, set_stem: str, address: str) -> Element | None:
    """`address` in set_stem4 or set_stem6."""
    parsed = ipaddress.ip_address(address)
    return elements(namespace, f"{set_stem}{parsed.version}").get(str(parsed))


def banned(namespace: str, address: str) -> Element | None:
    return element(namespace, "banned", address)


def delete_tables(namespace: str) -> None:
    """What a reboot does to the shield's tables."""
    for table in (SHIELD, QUEUES):
        run(["nft", "delete", "table", "inet", table], namespace)


class Meter:
    """Counts what comes for port 5060, before the shield (prerouting -315) and after it (input, at the socket).

    After defragmentation (-400), like the shield, once something in the namespace has asked for it.
    """

    def __init__(self, namespace: str):
        self.namespace = namespace
        self._names: list[str] = []
        _load(namespace, f"""
            table inet {_METER} {{
              chain before {{ type filter hook prerouting priority -315; policy accept; }}
              chain after {{ type filter hook input priority 300; policy accept; }}
            }}""")

    def watch(self, name: str, *nets: str, transport: str = "udp") -> None:
        """Counts under `name` what comes from any of `nets` (none: from anywhere but this host), once."""
        if name in self._names:
            return
        sources = [f"{'ip6' if ':' in net else 'ip'} saddr {net}" for net in nets] or ['iif != "lo"']
        chains = {"before": f"c{len(self._names)}_before", "after": f"c{len(self._names)}_after"}
        lines = [f"add counter inet {_METER} {counter}" for counter in chains.values()]
        lines += [f"add rule inet {_METER} {chain} {source} {transport} dport 5060 counter name {counter}"
                  for chain, counter in chains.items() for source in sources]
        _load(self.namespace, "\n".join(lines))
        self._names.append(name)

    def watch_address(self, address: str, transport: str = "udp") -> None:
        """Counts `address` under itself."""
        self.watch(address, address, transport=transport)

    def read(self) -> dict[str, Count]:
        now = counters(self.namespace, _METER)
        return {name: Count(now[f"c{i}_before"], now[f"c{i}_after"]) for i, name in enumerate(self._names)}

    def count(self, name: str) -> Count:
        return self.read()[name]


def _load(namespace: str, script: str) -> None:
    must(["nft", "-f", "-"], namespace, stdin=script + "\n")


def _objects(namespace: str, command: str, kind: str) -> list[dict]:
    # nft complains on standard error about rules made through nft_compat; the JSON is whole all the same.
    done = run(["nft", "-j", *command.split()], namespace)
    if done.code != 0:
        return []
    return [item[kind] for item in json.loads(done.out)["nftables"] if kind in item]


def _key(value: object) -> str:
    if isinstance(value, dict) and "prefix" in value:
        return str(ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}"))
    if isinstance(value, dict) and "range" in value:
        return "-".join(value["range"])
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return str(value)
