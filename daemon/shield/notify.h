// What systemd is told (sd_notify(3)); nothing when it does not listen.
#pragma once

#ifdef SIPWARD_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace sipward::shield {

inline void notify([[maybe_unused]] const char* state) {
#ifdef SIPWARD_SYSTEMD
  sd_notify(0, state);
#endif
}

}  // namespace sipward::shield
