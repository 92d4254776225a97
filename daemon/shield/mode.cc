#include "mode.h"

#include "log.h"

namespace sipward::shield {
namespace {

std::string name_of(config::Mode mode) {
  return mode == config::Mode::observe ? "observe" : "enforce";
}

store::StoredMode first_mode(Keeper& keeper, config::Mode first, WallTime now) {
  const auto stored = keeper.with_store([](store::Store& store) { return store.mode(); });
  if (!stored || !*stored) return {name_of(first), std::nullopt, name_of(first)};
  if ((*stored)->until && *(*stored)->until <= now) return {(*stored)->then, std::nullopt, (*stored)->then};
  return **stored;
}

}  // namespace

ModeSwitch::ModeSwitch(Keeper& keeper, config::Mode first, WallTime now)
    : keeper_(keeper), current_(first_mode(keeper, first, now)), observe_(current_.mode == "observe") {}

Result<void> ModeSwitch::set(config::Mode mode, std::optional<std::chrono::milliseconds> length, Now now) {
  store::StoredMode wanted{name_of(mode), std::nullopt, name_of(mode)};
  if (length) {
    wanted.until = now.wall + *length;
    // A second "for a while" does not make the first one's mode the one to return to.
    wanted.then = current_.until ? current_.then : current_.mode;
  }
  if (auto done = become(std::move(wanted)); !done) return done;
  auto stored = keeper_.with_store([&](store::Store& store) { return store.put(current_); });
  if (!stored)
    stored.error().text = fmt::format("mode {} is in force, but only until the next start: {}", current_.mode,
                                      stored.error().text);
  return stored;
}

// The kernel's rules first, then the workers: when the kernel fails, what is in force is told truly.
Result<void> ModeSwitch::become(store::StoredMode wanted) {
  const bool observe = wanted.mode == "observe";
  if (enforcer_)
    if (auto done = enforcer_->set_observe(observe); !done) return done;
  observe_ = observe;
  current_ = std::move(wanted);
  return {};
}

// Nothing is stored: what was stored with its end means the same after it.
void ModeSwitch::tend(Now now) {
  if (!current_.until || now.wall < *current_.until) return;
  const std::string back = current_.then;
  if (auto done = become({back, std::nullopt, back}); !done)
    log_error("back to mode {}: {}", back, done.error().text);
  else
    log_info("mode {} again", back);
}

}  // namespace sipward::shield
