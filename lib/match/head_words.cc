#include "match/head_words.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sipward::match {
namespace {

struct CloseStream {
  void operator()(hs_stream_t* stream) const { hs_close_stream(stream, nullptr, nullptr, nullptr); }
};

struct WordTrail final : Matcher::Trail {
  WordTrail(std::shared_ptr<const HeadWords> made_by, std::size_t stream_memory)
      : owner(std::move(made_by)), stream_size(stream_memory) {}
  [[nodiscard]] std::size_t memory() const override { return sizeof(WordTrail) + stream_size; }

  std::shared_ptr<const HeadWords> owner;  // its database must outlive the stream
  std::unique_ptr<hs_stream_t, CloseStream> stream;
  std::size_t stream_size;
  std::size_t seen = 0;   // bytes of the head that the stream has had
  std::size_t heard = 0;  // where the first word ended; 0: none yet
  std::size_t told = 0;   // what follow() returned last
};

// Hyperscan does not promise to tell the hits of several patterns in the order of their ends.
int note_word(unsigned, unsigned long long, unsigned long long to, unsigned, void* context) {
  std::size_t& heard = *static_cast<std::size_t*>(context);
  heard = heard == 0 ? to : std::min<std::size_t>(heard, to);
  return 0;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// The length of the headers whose end is certain: the next line has begun, and does not continue them.
std::size_t whole_headers(std::string_view head) {
  if (head.empty()) return 0;
  std::size_t end = head.rfind('\n', head.size() - 1);
  if (end == head.size() - 1) end = end == 0 ? std::string_view::npos : head.rfind('\n', end - 1);
  while (end != std::string_view::npos && is_blank(head[end + 1]))
    end = end == 0 ? std::string_view::npos : head.rfind('\n', end - 1);
  return end == std::string_view::npos ? 0 : end + 1;
}

bool enforces(const Rule& rule) {
  return !rule.observe && (rule.action == Action::ban || rule.action == Action::drop);
}

}  // namespace

Result<std::shared_ptr<const HeadWords>> HeadWords::make(std::span<const Rule> rules,
                                                         EngineScratch& scratch) {
  std::vector<Pattern> words;
  for (const Rule& rule : rules) {
    if (!enforces(rule)) continue;
    for (const Condition& condition : rule.conditions)
      if (condition.match != Match::regex)
        words.push_back({escape(condition.pattern), HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH, 0});
  }
  Database database;
  if (!words.empty()) {
    auto compiled = compile(words, HS_MODE_STREAM);
    if (!compiled)
      return fail(ErrorKind::invalid, "cannot compile the words of the rules: {}", compiled.error().reason);
    database = std::move(*compiled);
    if (auto fitted = fit_scratch(database, scratch); !fitted) return tl::unexpected(fitted.error());
  }
  std::size_t stream_size = 0;
  if (database) require(hs_stream_size(database.get(), &stream_size) == HS_SUCCESS);
  return std::shared_ptr<const HeadWords>(new HeadWords(std::move(database), stream_size));
}

std::unique_ptr<Matcher::Trail> HeadWords::new_trail() const {
  if (!database_) return nullptr;
  auto trail = std::make_unique<WordTrail>(shared_from_this(), stream_size_);
  hs_stream_t* stream = nullptr;
  if (hs_open_stream(database_.get(), 0, &stream) != HS_SUCCESS) return nullptr;
  trail->stream.reset(stream);
  return trail;
}

std::size_t HeadWords::follow(Matcher::Trail& any_trail, std::string_view head, hs_scratch_t* scratch) const {
  auto& trail = static_cast<WordTrail&>(any_trail);
  if (trail.owner.get() != this) return 0;
  const std::string_view fresh = head.substr(std::min(trail.seen, head.size()));
  trail.seen = head.size();
  if (trail.heard == 0 && !fresh.empty()) {
    const auto size = std::min<std::size_t>(fresh.size(), std::numeric_limits<unsigned>::max());
    const hs_error_t status = hs_scan_stream(trail.stream.get(), fresh.data(), static_cast<unsigned>(size), 0,
                                             scratch, note_word, &trail.heard);
    require(status == HS_SUCCESS);
  }
  if (trail.heard == 0) return 0;
  const std::size_t whole = whole_headers(head);
  if (whole < trail.heard || whole <= trail.told) return 0;
  return trail.told = whole;
}

}  // namespace sipward::match
