"""A Kamailio that plays the softswitch behind the shield, and remembers every request that reached it."""

import ipaddress
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import sip
from .net import CORE4, CORE6, Network
from .process import Process
from .wait import wait_until

EXTENSIONS = range(100, 111)
WEAK_EXTENSION, WEAK_PASSWORD = "105", "1217"
# Users 4000 to 5999: the phones of large sites. Their passwords are as those of the extensions.
FIRST_PHONE, PHONES = 4000, 2000
MEMBER = "member"  # as "uas", but for those alone who have credentials
SILENT = "silent"  # a callee that never answers
UAS_PORT = 5070  # where calls to user "uas" are relayed to, on the loopback interface
_SILENT_PORT = 5079  # nobody listens

_CONFIG = """\
#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=2
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{v4}:5060
listen=tcp:{v4}:5060
listen=udp:[{v6}]:5060
listen=tcp:[{v6}]:5060
listen=udp:127.0.0.1:5080
mpath="{modules}"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("rr", "enable_double_rr", 2)
modparam("auth", "qop", "auth")
modparam("auth", "nonce_expire", 300)
# A nonce for one address alone: by default all who ask within one second get the same.
modparam("auth", "auth_checks_register", 8)
modparam("auth", "auth_checks_no_dlg", 8)
modparam("tm", "fr_timer", 5000)

request_route {{
  {log}
  if (has_totag() || is_method("CANCEL|ACK")) {{
    route(DIALOG);
    exit;
  }}
  switch ($rm) {{
    case "OPTIONS":
    case "MESSAGE":
      sl_send_reply("200", "OK");
      break;
    case "REGISTER":
      route(REGISTRATION);
      break;
    case "INVITE":
      route(CALL);
      break;
    default:
      sl_send_reply("405", "Method Not Allowed");
  }}
}}

route[DIALOG] {{
  if (has_totag() && loose_route()) {{
    t_relay();
  }} else if (is_method("CANCEL") && t_check_trans()) {{
    t_relay();
  }} else if (!is_method("ACK")) {{
    sl_send_reply("481", "Call/Transaction Does Not Exist");
  }}
}}

route[REGISTRATION] {{
  if (!($tU =~ "^(1(0[0-9]|10)|[45][0-9][0-9][0-9])$")) {{
    sl_send_reply("404", "Not Found");
    exit;
  }}
  $var(password) = "a-long-password-of-" + $tU;
  if ($tU == "{weak_extension}") $var(password) = "{weak_password}";
  if (!pv_www_authenticate("e2e", "$var(password)", "0")) {{
    www_challenge("e2e", "1");
    exit;
  }}
  sl_send_reply("200", "OK");
}}

route[CALL] {{
  if ($rU == "{silent}") {{
    $du = "sip:127.0.0.1:{silent_port}";
    if (!t_relay()) sl_reply_error();
    exit;
  }}
  if ($rU == "{member}") {{
    if (!is_present_hf("Proxy-Authorization")) {{
      proxy_challenge("e2e", "1");
      exit;
    }}
    $var(password) = "a-long-password-of-" + $au;
    if (!pv_proxy_authenticate("e2e", "$var(password)", "0")) {{
      proxy_challenge("e2e", "1");
      exit;
    }}
    consume_credentials();
  }} else if ($rU != "uas") {{
    sl_send_reply("404", "Not Found");
    exit;
  }}
  record_route();
  $fs = "udp:127.0.0.1:5080";
  $du = "sip:127.0.0.1:{uas_port}";
  if (!t_relay()) sl_reply_error();
}}
"""
# One line a request; the User-Agent is last because it may hold anything.
_LOG = 'xlog("L_ALERT", "E2E\\t$rm\\t$pr\\t$si\\t$ci\\t$ua\\n");'


def password_of(user: str | int) -> str:
    return WEAK_PASSWORD if str(user) == WEAK_EXTENSION else f"a-long-password-of-{user}"


@dataclass(frozen=True)
class Received:
    """A request as Kamailio saw it."""

    method: str
    transport: str
    source: str
    call_id: str
    agent: str


class Kamailio:
    """`log_requests=False` for floods, where the log would be what is measured."""

    def __init__(self, network: Network, scratch: Path, log_requests: bool = True):
        self._network = network
        config = scratch / "kamailio.cfg"
        config.write_text(_CONFIG.format(
            v4=CORE4, v6=CORE6, modules=_modules(), log=_LOG if log_requests else "", uas_port=UAS_PORT,
            weak_extension=WEAK_EXTENSION, weak_password=WEAK_PASSWORD, member=MEMBER, silent=SILENT,
            silent_port=_SILENT_PORT))
        runtime = scratch / "kamailio"
        runtime.mkdir()
        self.process = Process("kamailio", ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", str(config),
                                            "-Y", str(runtime)], scratch / "logs", network.core)
        wait_until(self._answers, 15, "Kamailio to answer OPTIONS")

    def received(self, source: str | None = None) -> list[Received]:
        """Every request so far, or those from `source`."""
        requests = [_parse(line) for line in self.process.err().splitlines() if "E2E\t" in line]
        wanted = ipaddress.ip_address(source) if source else None
        return [r for r in requests if wanted is None or ipaddress.ip_address(r.source) == wanted]

    def settle(self, endpoint: sip.Endpoint) -> None:
        """Returns when Kamailio has read and logged all that came before now, by sending it one more request."""
        message = endpoint.request("MESSAGE", agent="e2e-settle")
        if endpoint.ask(message, 5, retransmit_s=0.5) != 200:
            raise RuntimeError(f"Kamailio does not answer {endpoint.source}")
        call_id = sip.call_id_of(message).decode()
        wait_until(lambda: any(r.call_id == call_id for r in self.received()), 5, "Kamailio's log")

    def _answers(self) -> bool:
        if not self.process.running():
            raise RuntimeError("Kamailio has ended: " + self.process.err()[-2000:])
        with sip.Endpoint(self._network.core, CORE4) as local:
            return local.ask(local.request("OPTIONS", agent="e2e-ready"), 0.3) == 200


def _parse(line: str) -> Received:
    method, transport, source, call_id, agent = line.split("E2E\t", 1)[1].split("\t", 4)
    return Received(method, transport, source, call_id, agent)


def _modules() -> str:
    for path in sorted(Path("/usr/lib").glob("*/kamailio/modules")):
        return str(path)
    raise FileNotFoundError("Kamailio's modules" if shutil.which("kamailio") else "kamailio is not installed")
