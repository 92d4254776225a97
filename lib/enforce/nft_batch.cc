#include "enforce/nft_batch.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sipward::enforce {
namespace {

constexpr std::size_t kReceiveBuffer = 1U << 16U;
constexpr int kSocketBuffer_bytes = 64 << 20;

void put_header(nlmsghdr* header, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                std::uint8_t family, std::uint16_t resource) {
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence;
  auto* general = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  general->nfgen_family = family;
  general->version = NFNETLINK_V0;
  general->res_id = htons(resource);
}

constexpr std::uint16_t nft_type(std::uint16_t message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | message);
}

bool set_buffer(int fd, int force, int plain) {
  return setsockopt(fd, SOL_SOCKET, force, &kSocketBuffer_bytes, sizeof kSocketBuffer_bytes) == 0 ||
         setsockopt(fd, SOL_SOCKET, plain, &kSocketBuffer_bytes, sizeof kSocketBuffer_bytes) == 0;
}

int error_of(const nlmsghdr* header) {
  return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header))->error;
}

}  // namespace

NftBatch::NftBatch(bool commit) : commit_(commit) {
  put_control(NFNL_MSG_BATCH_BEGIN);
}

void NftBatch::put_control(std::uint16_t type) {
  const std::size_t at = buffer_.size();
  buffer_.resize(at + 256);
  auto* header = mnl_nlmsg_put_header(buffer_.data() + at);
  put_header(header, type, 0, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  buffer_.resize(at + header->nlmsg_len);
}

void NftBatch::add(std::uint16_t type, std::uint16_t flags, std::string phrase,
                   const std::function<void(nlmsghdr*)>& fill) {
  phrases_.push_back(std::move(phrase));
  const std::size_t at = buffer_.size();
  buffer_.resize(at + kMessageMax);
  auto* header = mnl_nlmsg_put_header(buffer_.data() + at);
  put_header(header, nft_type(type), flags, static_cast<std::uint32_t>(phrases_.size()), NFPROTO_INET, 0);
  fill(header);
  buffer_.resize(at + header->nlmsg_len);  // libmnl keeps it aligned
}

Result<NftSocket> NftSocket::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd.valid()) return fail_errno(errno, "cannot open a netlink socket to nf_tables");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, "cannot bind a netlink socket to nf_tables");
  // A transaction of a million elements is one sendmsg; without CAP_NET_ADMIN the plain size must do.
  if (!set_buffer(fd.get(), SO_SNDBUFFORCE, SO_SNDBUF) || !set_buffer(fd.get(), SO_RCVBUFFORCE, SO_RCVBUF))
    return fail_errno(errno, "cannot size the netlink socket to nf_tables");
  return NftSocket(std::move(fd));
}

Result<void> NftSocket::send_all(const std::vector<char>& bytes, std::string_view attempted) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent =
      ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return fail_errno(errno, std::string(attempted));
  return {};
}

// The kernel works a batch off within sendmsg, so every answer is there when it returns.
Result<void> NftSocket::transact(NftBatch& batch, int* error_number) {
  if (error_number) *error_number = 0;
  if (batch.commit_) batch.put_control(NFNL_MSG_BATCH_END);
  if (auto sent = send_all(batch.buffer_, "cannot send a transaction to nf_tables"); !sent) return sent;
  std::string refusals;
  ErrorKind kind = ErrorKind::failed;
  std::array<char, kReceiveBuffer> reply;  // NOLINT: filled by recv
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), reply.data(), reply.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return fail_errno(errno, "cannot read nf_tables' answer");
    int left = static_cast<int>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(reply.data()); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_type != NLMSG_ERROR || error_of(header) == 0) continue;
      const int error = error_of(header);
      const std::size_t index = header->nlmsg_seq;
      const std::string phrase =
          index >= 1 && index <= batch.phrases_.size() ? batch.phrases_[index - 1] : "transaction";
      if (refusals.size() < 1000)
        refusals += fmt::format("{}{}: {}", refusals.empty() ? "" : "; ", phrase, std::strerror(error));
      if (error_number && *error_number == 0) *error_number = error;
      if (error == EPERM || error == EACCES) kind = ErrorKind::denied;
    }
  }
  if (!refusals.empty()) return fail(kind, "nf_tables refused: {}", refusals);
  return {};
}

// True: the answer is complete. False: it was disturbed and must be asked for again.
Result<bool> NftSocket::read_answer(std::uint32_t sequence, std::string_view attempted,
                                    const std::function<void(const nlmsghdr*)>& row) {
  bool disturbed = false;
  std::array<char, kReceiveBuffer> reply;  // NOLINT: filled by recv
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), reply.data(), reply.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, std::string(attempted));
    int left = static_cast<int>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(reply.data()); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) disturbed = true;
      if (header->nlmsg_type == NLMSG_DONE) return !disturbed;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const int error = error_of(header);
        if (error == 0) return !disturbed;
        if (error == EINTR) return false;
        return fail_errno(error, std::string(attempted));
      }
      row(header);
    }
  }
}

Result<void> NftSocket::query(std::uint16_t type, std::uint16_t flags, std::string_view attempted,
                              std::uint8_t family, const std::function<void(nlmsghdr*)>& fill,
                              const std::function<void(const nlmsghdr*)>& row,
                              const std::function<void()>& restart) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::vector<char> request(NftBatch::kMessageMax);
    auto* header = mnl_nlmsg_put_header(request.data());
    put_header(header, nft_type(type), static_cast<std::uint16_t>(flags | NLM_F_ACK), ++sequence_, family, 0);
    fill(header);
    request.resize(header->nlmsg_len);
    restart();
    if (auto sent = send_all(request, attempted); !sent) return sent;
    auto complete = read_answer(sequence_, attempted, row);
    if (!complete) return tl::unexpected(complete.error());
    if (*complete) return {};
  }
  return fail(ErrorKind::busy, "{}: the ruleset changed five times while it was read", attempted);
}

}  // namespace sipward::enforce
