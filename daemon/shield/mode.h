// enforce or observe, perhaps for a while.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "config/settings.h"
#include "enforcer.h"
#include "keeper.h"

namespace sipward::shield {

// Control loop alone, but for the flag that workers read.
class ModeSwitch {
 public:
  // The stored mode, if its time is not over, else `first`.
  ModeSwitch(Keeper& keeper, config::Mode first, WallTime now);
  // From now on set() and tend() change the kernel's rules too.
  void attach(Enforcer& enforcer) { enforcer_ = &enforcer; }

  [[nodiscard]] std::atomic<bool>& observe() { return observe_; }
  [[nodiscard]] const store::StoredMode& current() const { return current_; }
  // `length` nothing: until changed; else back to the present mode afterwards.
  [[nodiscard]] Result<void> set(config::Mode mode, std::optional<std::chrono::milliseconds> length, Now now);
  // Goes back when a mode's time is over.
  void tend(Now now);

 private:
  [[nodiscard]] Result<void> become(store::StoredMode wanted);

  Keeper& keeper_;
  Enforcer* enforcer_ = nullptr;
  store::StoredMode current_;
  std::atomic<bool> observe_;
};

}  // namespace sipward::shield
