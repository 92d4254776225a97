// Random calls over a hop that loses, doubles and reorders the copies: what holds whatever happens.
#include <algorithm>
#include <map>
#include <queue>
#include <random>

#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

namespace {

// The same numbers for the same seed, everywhere.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned below(unsigned end) { return static_cast<unsigned>(engine_() % end); }
  bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937 engine_;
};

struct Life {
  unsigned answered = 0;
  unsigned ended = 0;
  std::array<unsigned, 2> byes{};
  unsigned unacknowledged = 0;
  std::array<std::uint32_t, 2> cseq{};
};

// Checks each thing told against what was told of that dialog before.
class Witness : public Listener {
 public:
  void on_attempt_ended(const Attempt& attempt) override {
    ++attempts;
    CHECK_FALSE(attempt.dialog.call_id.empty());
  }
  void on_answered(Dialog& dialog) override {
    Life& life = lives_[name(dialog)];
    CHECK(life.answered++ == 0);
    CHECK(dialog.progress.answered);
    ++alive;
    see(life, dialog);
  }
  void on_refreshed(Dialog& dialog) override { see(living(dialog), dialog); }
  void on_changed(Dialog& dialog) override { see(living(dialog), dialog); }
  void on_bye(Dialog& dialog, Side from) override {
    Life& life = living(dialog);
    CHECK(life.byes.at(static_cast<std::size_t>(from))++ == 0);
    see(life, dialog);
  }
  void on_unacknowledged(Dialog& dialog) override { CHECK(living(dialog).unacknowledged++ == 0); }
  void on_ended(Dialog& dialog, End) override {
    CHECK(living(dialog).ended++ == 0);
    --alive;
  }

  unsigned attempts = 0;
  std::size_t alive = 0;

 private:
  static std::string name(const Dialog& dialog) {
    return dialog.call_id + " " + dialog.party(Side::callee).tag;
  }
  Life& living(const Dialog& dialog) {
    Life& life = lives_[name(dialog)];
    CHECK(life.answered == 1);
    CHECK(life.ended == 0);
    return life;
  }
  static void see(Life& life, const Dialog& dialog) {
    for (const Side side : kSides) {
      std::uint32_t& highest = life.cseq.at(static_cast<std::size_t>(side));
      CHECK(dialog.party(side).cseq >= highest);
      highest = dialog.party(side).cseq;
    }
  }

  std::map<std::string, Life> lives_;
};

// One message on its way to the table.
struct Copy {
  milliseconds at;
  Side requester;
  unsigned status;
  std::string method;
  std::uint32_t cseq;
  std::string callee_tag;
  unsigned call;
  friend bool operator<(const Copy& a, const Copy& b) { return a.at > b.at; }
};

// Writes the messages of a call's whole life.
class Script {
 public:
  Script(Random& random, std::priority_queue<Copy>& out, unsigned call, milliseconds begin)
      : random_(random), out_(out), call_(call), at_(begin) {}

  void write() {
    if (random_.one_in(3)) refuse(random_.one_in(2) ? 407 : 422);
    say(Side::caller, 0, "INVITE", cseq_, "");
    const std::uint32_t invite = cseq_;
    if (random_.one_in(2)) say(Side::caller, 180, "INVITE", invite, "b1");
    if (random_.one_in(4)) exchange(Side::caller, random_.one_in(2) ? "PRACK" : "UPDATE", "b1");
    if (random_.one_in(6)) say(Side::caller, 0, "CANCEL", invite, "");
    if (random_.one_in(5))
      return say(Side::caller, random_.one_in(2) ? 487 : 486, "INVITE", invite, "failed");
    if (random_.one_in(20)) return;
    talk("b1", invite);
    if (random_.one_in(8)) talk("b2", invite);
  }

 private:
  void refuse(unsigned status) {
    say(Side::caller, 0, "INVITE", cseq_, "");
    say(Side::caller, status, "INVITE", cseq_, "failed");
    say(Side::caller, 0, "ACK", cseq_++, "failed");
  }
  void talk(const std::string& tag, std::uint32_t invite) {
    say(Side::caller, 200, "INVITE", invite, tag);
    if (!random_.one_in(10)) say(Side::caller, 0, "ACK", invite, tag);
    for (unsigned i = random_.below(6); i > 0; --i) {
      at_ += seconds(random_.below(90));
      static constexpr std::array kMethods{"INVITE", "UPDATE", "INFO", "OPTIONS"};
      exchange(random_.one_in(2) ? Side::caller : Side::callee, kMethods.at(random_.below(4)), tag);
    }
    if (random_.one_in(10)) return;
    if (random_.one_in(5)) exchange(Side::caller, "BYE", tag, 401);
    exchange(random_.one_in(2) ? Side::caller : Side::callee, "BYE", tag);
  }
  void exchange(Side from, const std::string& method, const std::string& tag, unsigned status = 200) {
    const std::uint32_t cseq = from == Side::caller ? ++cseq_ : ++callee_cseq_;
    say(from, 0, method, cseq, tag);
    if (random_.one_in(30)) status = random_.one_in(2) ? 481 : 500;
    if (!random_.one_in(20)) say(from, status, method, cseq, tag);
  }
  // Lost, doubled and delayed as it comes.
  void say(Side requester, unsigned status, const std::string& method, std::uint32_t cseq,
           const std::string& tag) {
    at_ += milliseconds(random_.below(400));
    for (unsigned copies = random_.one_in(8) ? 2 : 1; copies > 0 && !random_.one_in(15); --copies)
      out_.push({at_ + milliseconds(random_.one_in(6) ? random_.below(3000) : 0), requester, status, method,
                 cseq, tag, call_});
  }

  Random& random_;
  std::priority_queue<Copy>& out_;
  unsigned call_;
  milliseconds at_;
  std::uint32_t cseq_ = 1;
  std::uint32_t callee_cseq_ = 0;
};

// Copies of a message wait for less than a tombstone lives, so a call that ended cannot begin again.
class World {
 public:
  World(unsigned seed, const TableLimits& limits) : random_(seed), hop_(limits, witness) {
    for (unsigned call = 0; call < 300; ++call)
      Script(random_, copies_, call, seconds(random_.below(600))).write();
  }

  void run() {
    milliseconds now{0};
    while (!copies_.empty()) {
      const Copy copy = copies_.top();
      copies_.pop();
      hop_.wait(copy.at - now);
      now = copy.at;
      deliver(copy);
      if (random_.one_in(200)) hop_.table.lose();
      check_counts();
    }
    hop_.wait(minutes(6));
    hop_.wait(minutes(6));
    check_counts();
  }

  Witness witness;

  [[nodiscard]] TableCounts counts() const { return hop_.table.counts(); }

 private:
  void deliver(const Copy& copy) {
    Conversation call(hop_, "call" + std::to_string(copy.call));
    if (copy.status == 0) {
      call.request(copy.requester, copy.method, copy.cseq, copy.callee_tag);
    } else {
      const Lines headers = random_.one_in(2) ? Lines{"Session-Expires: 90"} : Lines{};
      call.response(copy.requester, copy.status, copy.method, copy.cseq, copy.callee_tag, headers);
    }
  }
  void check_counts() {
    std::size_t early = 0;
    std::size_t confirmed = 0;
    hop_.table.for_each([&](const Dialog& dialog) { ++(dialog.progress.answered ? confirmed : early); });
    CHECK(early == counts().early);
    CHECK(confirmed == counts().confirmed);
    CHECK(confirmed == witness.alive);
  }

  Random random_;
  std::priority_queue<Copy> copies_;
  Hop hop_;
};

}  // namespace

TEST_CASE("random calls with lost, doubled and reordered copies keep the rules") {
  const unsigned seed = GENERATE(range(1U, 21U));
  CAPTURE(seed);
  World world(seed, {});
  world.run();
  CHECK(world.counts().early == 0);
  CHECK(world.counts().confirmed > 0);  // the BYE of some is lost for good
  CHECK(world.witness.attempts > 30);
}

TEST_CASE("random calls in a table that is too small keep the rules") {
  const unsigned seed = GENERATE(range(1U, 21U));
  CAPTURE(seed);
  World world(seed, {.early_max = 3, .confirmed_max = 20});
  world.run();
  CHECK(world.counts().early_evicted > 0);
  CHECK(world.counts().confirmed_refused > 0);
  CHECK(world.counts().confirmed <= 20);
}
