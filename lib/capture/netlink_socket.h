// What packet queues and packet logs have in common: netlink sockets of the kernel's netfilter. For the
// sources of this folder alone.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

struct nlmsghdr;

namespace sipward::capture {

// `purpose` is named by errors: "a packet queue".
[[nodiscard]] Result<Fd> open_netfilter_socket(std::string_view purpose);

// Sends one configuration message and reads its acknowledgement; the errno, 0 if it was taken. Other messages
// that arrive meanwhile are lost: for sockets that are being set up.
[[nodiscard]] int ask(int fd, nlmsghdr* message);

// Room for `bytes` (the kernel takes twice as many, for its own bookkeeping), and overflows that are not told
// as errors: the socket goes on receiving as soon as there is room, not only when it has been emptied
// (netlink_overrun() in net/netlink/af_netlink.c).
void make_room(int fd, std::uint64_t bytes);

// What one receive brings, in memory of its own.
class Inbox {
 public:
  static constexpr std::size_t kMessages = 64;

  explicit Inbox(std::size_t message_size);

  // Takes what has arrived, without waiting; the errno, 0 also when there is nothing.
  [[nodiscard]] int receive(int fd);
  [[nodiscard]] std::size_t size() const { return size_; }
  // Valid until the next receive().
  [[nodiscard]] std::span<char> message(std::size_t i);

 private:
  std::vector<char> memory_;
  std::array<iovec, kMessages> io_;
  std::array<mmsghdr, kMessages> messages_;
  std::size_t size_ = 0;
};

}  // namespace sipward::capture
