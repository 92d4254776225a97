#!/bin/bash
# The shield at work: a scanner finds a softswitch, the shield starts, calls go on, the scanner finds nothing.
# `tools/up --demo` runs it.  usage: run.sh BUILD_DIRECTORY RULES_DIRECTORY
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binaries=$1 rules=$2
readonly here binaries rules

# The softswitch's host, in the middle, has a link to its peers and one to the world.
readonly name=sipward-demo-$$
readonly switch=$name-switch peers=$name-peers world=$name-world
readonly switch_address=192.0.2.1 caller=192.0.2.10 callee=192.0.2.20
readonly public_address=198.51.100.1 scanner=198.51.100.66

scratch=$(mktemp -d /tmp/sipward-demo.XXXXXX)
started=()   # process ids
failures=0

clean_up() {
  local pid namespace
  trap '' INT TERM HUP
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  for namespace in "$switch" "$peers" "$world"; do ip netns delete "$namespace" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n=== %s\n' "$*"; }

# expect WHAT COMMAND...: tells whether it is so, and remembers when it is not.
expect() {
  local what=$1
  shift
  if "$@"; then
    printf '  ok: %s\n' "$what"
  else
    printf '  NOT SO: %s\n' "$what"
    failures=$((failures + 1))
  fi
}

give_up() {
  printf 'tools/up: the demo cannot go on: %s\n' "$1" >&2
  if [[ -n ${2-} ]]; then tail -n 20 "$2" >&2; fi
  exit 1
}

# start LOG NAMESPACE COMMAND...: in the background until the demo ends; its process id is ${started[-1]}.
start() {
  local log=$1 namespace=$2
  shift 2
  ip netns exec "$namespace" "$@" </dev/null >"$log" 2>&1 &
  started+=($!)
}

# wait_for WHAT LOG COMMAND...: at most ten seconds, and only while the program started last is alive.
wait_for() {
  local what=$1 log=$2 attempt
  shift 2
  for ((attempt = 0; attempt < 100; attempt++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    kill -0 "${started[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  give_up "$what does not answer" "$log"
}

in_world() { ip netns exec "$world" "$@"; }
sipward() { "$binaries/tools/sipward/sipward" --socket "$scratch/run/sipwardd.sock" "$@"; }

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

link() {  # NAMESPACE ADDRESS_OF_SWITCH ADDRESS...
  local namespace=$1 interface=${1##*-} gateway=$2 address
  shift 2
  ip link add "$interface" netns "$switch" type veth peer name switch netns "$namespace"
  ip -n "$switch" address add "$gateway/24" dev "$interface"
  ip -n "$switch" link set "$interface" up
  for address in "$@"; do ip -n "$namespace" address add "$address/24" dev switch; done
  ip -n "$namespace" link set switch up
}

make_network() {
  local namespace
  for namespace in "$switch" "$peers" "$world"; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
  done
  link "$peers" "$switch_address" "$caller" "$callee"
  link "$world" "$public_address" "$scanner"
}

softswitch_listens() { ip netns exec "$switch" ss -Hlun 'sport = :5060' | grep -q -F "$public_address"; }

start_softswitch() {
  start "$scratch/kamailio.log" "$switch" kamailio -f "$here/kamailio.cfg" -DD -E -m 64 -M 8 \
    -Y "$scratch" -P "$scratch/kamailio.pid" -A "CALLEE=\"sip:$callee:5060\"" \
    -l "udp:$switch_address:5060" -l "tcp:$switch_address:5060" \
    -l "udp:$public_address:5060" -l "tcp:$public_address:5060"
  wait_for 'the softswitch' "$scratch/kamailio.log" softswitch_listens
  start "$scratch/callee.log" "$peers" sipp -sn uas -i "$callee" -p 5060 -nostdin
}

scan() {
  {
    show in_world svmap "$public_address"
    show in_world svwar -e 995-1010 --maximumtime=3 "$public_address"
  } 2>&1 | sed -e 's/^\$ in_world/$/' | tee "$scratch/scan.log"
}
scan_shows() { grep -q -F "$1" "$scratch/scan.log"; }
scan_hides() { ! scan_shows "$1"; }

# Twenty calls of a tenth of a second in four seconds.
start_calls() {
  start "$scratch/caller.log" "$peers" sipp -sn uac "$switch_address:5060" -i "$caller" -p 5062 -s 2000 \
    -m 20 -r 5 -d 100 -timeout 30s -nostdin
}
# SIPp's exit code says whether all of them succeeded.
calls_succeed() { wait "${started[-1]}"; }

start_shield() {
  mkdir -p "$scratch/run"
  cat >"$scratch/sipward.toml" <<TOML
[paths]
rules = "$rules"
database = "$scratch/sipward.db"
runtime = "$scratch/run"
TOML
  start "$scratch/sipwardd.log" "$switch" "$binaries/daemon/sipwardd" --config "$scratch/sipward.toml"
  wait_for sipwardd "$scratch/sipwardd.log" sipward mode
  cat "$scratch/sipwardd.log"
}

scanner_is_banned() { sipward bans list | grep -q -F "$scanner"; }

main() {
  cd "$scratch"
  say "A softswitch (Kamailio) at $public_address, a caller and a callee (SIPp), a scanner (SIPVicious) at $scanner"
  make_network
  start_softswitch

  say 'Without the shield: what the scanner finds'
  scan
  expect 'svmap finds the softswitch' scan_shows "$public_address:5060"
  expect 'svwar finds its extensions' scan_shows '| 1000 '

  say 'The shield starts, with no configuration but these paths'
  start_shield
  expect 'the gateway is whitelisted' show sipward whitelist add "$callee" --comment gateway
  start_calls
  expect 'calls go through it' calls_succeed

  say 'The same scan again, while calls go on'
  start_calls
  scan
  expect 'svmap finds nothing' scan_hides "$public_address:5060"
  expect 'svwar finds nothing' scan_hides '| 1000 '
  expect 'every call made meanwhile succeeded' calls_succeed
  expect 'the scanner is banned' scanner_is_banned

  say 'What the operator sees'
  expect 'bans are listed' show sipward bans list
  expect 'the ban is explained' show sipward explain "$scanner"
  expect 'the counters are shown' show sipward stats
  [[ $failures == 0 ]] || give_up "$failures of the statements above did not hold" "$scratch/sipwardd.log"
}

main
