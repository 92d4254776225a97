// The kernel side of the shield: table `inet sipward` (who may speak, bans, counters) and table `inet
// sipward_queue` (which packets go to which queue; owned by this process's socket, so it vanishes with it and
// traffic flows on unread).
//
// A SIP packet's way through the kernel, all at hook prerouting:
//
//   gate       -310            scope; trusted: accept, banned: drop, peer, known, or unlisted below its
//                              rates: marked to be read. Encrypted ports: trusted and banned alone
//   inspect_*  UDP -291        counts what is handed over. TCP after conntrack, so that a handshake is
//              TCP -199        known and connections are counted
//   queue      UDP -290        (sipward_queue) to the workers
//              TCP -198
//   settle_*   UDP -289        counts what came back: passed by the daemon, or bypassed it; clears the
//              TCP -197        marks
//
// An answer's, at hook postrouting:
//
//   answers     300            a copy to the log group with the number of the queue of what it answers
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/ranges.h"
#include "enforce/nft_batch.h"
#include "enforce/nft_read.h"

namespace sipward::enforce {

inline constexpr char kTable[] = "sipward";
inline constexpr char kQueueTable[] = "sipward_queue";

// Bits of the packet mark. They exist between gate and settle only; whatever else is in the mark is left
// alone.
inline constexpr std::uint32_t kMarkKnown = 0x04000000;     // from a known source
inline constexpr std::uint32_t kMarkVerified = 0x08000000;  // its source completed a TCP handshake
inline constexpr std::uint32_t kMarkRead = 0x10000000;      // is to be read by the daemon
inline constexpr std::uint32_t kMarkPeer = 0x20000000;      // from a whitelisted peer
inline constexpr std::uint32_t kMarkQueued = 0x40000000;    // was given to a queue
inline constexpr std::uint32_t kMarkPassed = 0x80000000;    // the daemon let it pass: set with the verdict
inline constexpr std::uint32_t kMarkAll = 0xfc000000;

// Nets that can be banned as one, for what their hosts did; per length.
inline constexpr std::uint32_t kPrefixBansMax = 65536;

// How packets get into a queue: the nft statement, or the xtables target where the kernel lacks it.
enum class QueueTarget { native, compat };

struct ShieldTableOptions {
  std::vector<std::uint16_t> udp_ports;
  std::vector<std::uint16_t> tcp_ports;
  std::vector<std::uint16_t> encrypted_ports;  // TCP that cannot be read: TLS, WebSocket
  std::vector<Prefix> protected_nets;          // empty: every destination
  std::uint32_t source_rate_per_s = 100;
  std::uint32_t source_burst = 300;
  std::uint32_t unknown_rate_per_s = 2000;
  std::uint32_t unknown_burst = 1000;
  std::uint32_t known_rate_per_s = 1000;  // of one known source
  std::uint32_t known_burst = 8000;
  std::uint32_t tcp_flows_address = 10;  // connections of one unlisted address to tcp_ports; 0: any number
  std::uint32_t tcp_flows_prefix = 30;   // of one unlisted /24 (IPv6: /64); 0: any number
  std::uint32_t connection_rate_per_s = 20;  // to encrypted ports, of one source
  std::uint32_t connection_burst = 200;
  std::uint32_t connections_max = 256;
  std::uint32_t sources_max = 131072;
  std::uint32_t bans_max = 1000000;
  std::uint32_t known_max = 65536;
  std::uint16_t first_queue = 5060;
  // Queues first_queue … first_queue + workers - 1; then that of known sources, then that of peers. Answers
  // to unlisted and known sources are copied to the log groups of these numbers.
  unsigned workers = 1;
  bool observe = false;  // nothing is dropped, but counted as if

  friend bool operator==(const ShieldTableOptions&, const ShieldTableOptions&) = default;
};

// What the rules are for.
struct Duty {
  bool reading = false;    // else no daemon reads: bans, whitelist and known sources alone
  bool copying = false;    // the daemon gets copies of the softswitch's answers
  std::uint32_t seed = 0;  // of the hash that gives a net its worker; one for packets and answers
};

// What the sets hold, hosts and nets mixed; overlapping nets are allowed.
struct Lists {
  std::vector<TimedPrefix> trusted;
  std::vector<TimedPrefix> peers;
  std::vector<TimedPrefix> known;  // hosts
  std::vector<TimedPrefix> banned;
};

// One thread at a time; all calls are transactions that change everything they say or nothing.
class ShieldTable {
 public:
  // Finds out what this kernel can do. Changes nothing.
  [[nodiscard]] static Result<ShieldTable> open(ShieldTableOptions options);

  [[nodiscard]] const ShieldTableOptions& options() const { return options_; }
  [[nodiscard]] QueueTarget queue_target() const { return target_; }
  // Whether answers are copied: false where the kernel has no nfnetlink_log.
  [[nodiscard]] bool copies_answers() const { return duty_.copying; }

  struct Installed {
    bool adopted = false;      // the table was there: its counters and banned addresses go on
    std::uint64_t handle = 0;  // TableInfo::handle
  };
  // Makes the tables or takes over those of an earlier run. Whitelist, known sources and banned nets
  // become those of `lists`; banned addresses are left to restore(), so that protection does not wait for a
  // million of them.
  // `busy` if another process owns the queue table.
  [[nodiscard]] Result<Installed> install(const Lists& lists, WallTime now);

  [[nodiscard]] Result<void> set_observe(bool observe);
  // Ports, protected nets, rates and bursts become those of `wanted`; what sets and queues were made with
  // stays. Every unlisted source has its whole burst again.
  [[nodiscard]] Result<void> change(const ShieldTableOptions& wanted);
  [[nodiscard]] Result<void> put_whitelist(const Lists& lists, WallTime now);
  // The whole content of the banned nets.
  [[nodiscard]] Result<void> put_banned_nets(std::span<const TimedPrefix> nets, WallTime now);
  // Bans addresses and nets that have a hash set of their own (is_prefix_length; other nets are left out), or
  // changes the end of their bans. Of one that comes twice the last end counts. No ban of a net holds for
  // known sources in it.
  [[nodiscard]] Result<void> ban(std::span<const TimedPrefix> hosts, WallTime now);
  // The same for many whose bans are not changed: faster, in transactions of a few thousand. The end of a ban
  // that is there already is left as it is before Linux 6.12 and becomes the given one since.
  [[nodiscard]] Result<void> restore(std::span<const TimedPrefix> hosts, WallTime now);
  [[nodiscard]] Result<void> unban(std::span<const Prefix> hosts);
  // Known sources: from now on, or until another time.
  [[nodiscard]] Result<void> know(std::span<const TimedPrefix> hosts, WallTime now);
  [[nodiscard]] Result<void> forget(std::span<const Address> hosts);

  [[nodiscard]] Result<std::map<std::string, CounterValue>> counters();
  // Those of ban() and restore().
  [[nodiscard]] Result<std::vector<ElementInfo>> banned();
  [[nodiscard]] Result<std::optional<ElementInfo>> banned(const Prefix& host);
  [[nodiscard]] Result<std::vector<ElementInfo>> known();
  // The handle of the table that is there now, nothing if somebody deleted it. Cheap enough to ask several
  // times a second.
  [[nodiscard]] Result<std::optional<std::uint64_t>> present();

  // Ends reading: bans, whitelist and known sources stay; guard, answers' copies and queue table go. Tables
  // that somebody has deleted already are no error, here and for remove().
  [[nodiscard]] Result<void> stand_down();
  // Deletes both tables.
  [[nodiscard]] Result<void> remove();

 private:
  ShieldTable(NftSocket socket, ShieldTableOptions options, QueueTarget target, const Duty& duty)
      : socket_(std::move(socket)), options_(std::move(options)), target_(target), duty_(duty) {}
  [[nodiscard]] std::string layout() const;
  [[nodiscard]] Result<void> delete_if_there(NftBatch& batch, const char* name);

  NftSocket socket_;
  ShieldTableOptions options_;
  QueueTarget target_;
  Duty duty_;
  std::uint32_t generation_ = 0;
  std::optional<std::uint64_t> seen_;    // the table's handle at that generation
  std::optional<std::uint64_t> handle_;  // of the table that install() made or took over
};

}  // namespace sipward::enforce
