// One nf_tables transaction: all of it or nothing (kernel: Documentation of nfnetlink batches,
// net/netfilter/nfnetlink.c).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

struct nlmsghdr;
struct nlattr;

namespace sipward::enforce {

// Messages of a transaction, each with a phrase that says what it attempts.
class NftBatch {
 public:
  // `commit` false: the batch is sent without its end, so that the kernel checks every message and applies
  // none.
  explicit NftBatch(bool commit = true);

  // Adds one message. `type` is NFT_MSG_*, `flags` are NLM_F_* beside REQUEST; `fill` appends the attributes
  // and may write at most kMessageMax bytes.
  void add(std::uint16_t type, std::uint16_t flags, std::string phrase,
           const std::function<void(nlmsghdr*)>& fill);

  [[nodiscard]] bool empty() const { return phrases_.empty(); }
  [[nodiscard]] std::size_t size_bytes() const { return buffer_.size(); }

  static constexpr std::size_t kMessageMax = 65000;

 private:
  friend class NftSocket;
  void put_control(std::uint16_t type);

  bool commit_;
  std::vector<char> buffer_;
  std::vector<std::string> phrases_;  // phrases_[i]: message with sequence number i + 1
};

// A netlink socket to nf_tables. Tables made with the owner flag live as long as the socket. One thread at a
// time.
class NftSocket {
 public:
  [[nodiscard]] static Result<NftSocket> open();

  // An error names every message that the kernel refused, with its phrase and reason; nothing has changed
  // then. `error_number`, if given, receives the errno of the first refusal (0: none).
  [[nodiscard]] Result<void> transact(NftBatch& batch, int* error_number = nullptr);

  // Sends a dump or get request and calls `row` for each message of the answer. ENOENT is `not_found`. A dump
  // that the kernel says was disturbed by a change is repeated up to five times, so `restart` must forget the
  // rows so far.
  [[nodiscard]] Result<void> query(std::uint16_t type, std::uint16_t flags, std::string_view attempted,
                                   std::uint8_t family, const std::function<void(nlmsghdr*)>& fill,
                                   const std::function<void(const nlmsghdr*)>& row,
                                   const std::function<void()>& restart);

 private:
  explicit NftSocket(Fd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> send_all(const std::vector<char>& bytes, std::string_view attempted);
  [[nodiscard]] Result<bool> read_answer(std::uint32_t sequence, std::string_view attempted,
                                         const std::function<void(const nlmsghdr*)>& row);

  Fd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace sipward::enforce
