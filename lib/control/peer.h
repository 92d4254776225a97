// Who is at the other end of a Unix socket, told by the kernel (unix(7): SO_PEERCRED, SO_PEERGROUPS).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "control/server.h"

namespace sipward::control {

// The groups that give rights; nothing when the system has no group of that name: then root (and for reading
// the daemon's own user) alone.
struct AccessGroups {
  std::optional<gid_t> read;
  std::optional<gid_t> admin;
};

// Asks the system's group database, which may block: once, at start.
[[nodiscard]] std::optional<gid_t> find_group(const std::string& name);

// The caller with its rights. Its name comes from the user database for those who have any right; a
// stranger's is its number, so that a stranger cannot make the daemon ask.
[[nodiscard]] Result<Caller> identify(int socket, const AccessGroups& groups);

}  // namespace sipward::control
