#include "control/peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace sipward::control {
namespace {

// Supplementary groups: the first call tells the size (ERANGE).
std::vector<gid_t> peer_groups(int socket) {
  std::vector<gid_t> groups(32);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool fits = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    groups.resize(size / sizeof(gid_t));
    if (fits) return groups;
    if (errno != ERANGE) break;
  }
  return {};
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer;  // NOLINT: filled by getpwuid_r
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
  return std::to_string(uid);
}

}  // namespace

std::optional<gid_t> find_group(const std::string& name) {
  std::vector<char> buffer(4096);
  group entry{};
  group* found = nullptr;
  int error = 0;
  // A group with many members needs more room; a megabyte is beyond any real one.
  while ((error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < 1U << 20U)
    buffer.resize(buffer.size() * 2);
  if (error != 0 || !found) return std::nullopt;
  return found->gr_gid;
}

Result<Caller> identify(int socket, const AccessGroups& groups) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return fail_errno(errno, "cannot ask the kernel who the caller is");
  const std::vector<gid_t> memberships = peer_groups(socket);
  const auto is_member = [&](std::optional<gid_t> group) {
    return group &&
           (credentials.gid == *group || std::ranges::find(memberships, *group) != memberships.end());
  };
  Caller caller;
  caller.uid = credentials.uid;
  caller.pid = credentials.pid;
  caller.may_change = caller.uid == 0 || is_member(groups.admin);
  caller.may_read = caller.may_change || caller.uid == ::geteuid() || is_member(groups.read);
  caller.user = caller.may_read ? user_name(caller.uid) : std::to_string(caller.uid);
  return caller;
}

}  // namespace sipward::control
