// One payload of the softswitch, as a datagram and as a TCP segment: the answers in it.
#include <vector>

#include "answer.h"
#include "fuzz/properties.h"
#include "fuzz/steps.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

std::vector<shield::Answer> answers_of(std::string_view payload, packet::Protocol protocol) {
  static sip::Message message;  // what an earlier answer left in it must not show
  packet::Datagram datagram;
  datagram.payload = payload;
  datagram.protocol = protocol;
  std::vector<shield::Answer> answers;
  const Steps steps;
  shield::read_answers(datagram, message, [&](const shield::Answer& answer) { answers.push_back(answer); });
  steps.must_be_linear(payload.size(), 300);
  return answers;
}

void check(const shield::Answer& answer, std::string_view payload) {
  for (const std::string_view part :
       {answer.call_id, answer.method, answer.branch, answer.to_tag, answer.nonce, answer.other_nonce})
    must(inside(part, payload), "what an answer names lies inside the payload");
  must(answer.bye == (answer.status == 0), "a BYE, and nothing else, has no status");
  must(answer.bye || (answer.status >= 100 && answer.status <= 699), "a status is 100 to 699");
  must(!answer.nonce.empty() || answer.other_nonce.empty(), "there is no second nonce without a first");
  must(!answer.expires_s || (answer.status / 100 == 2 && answer.method == "REGISTER"),
       "only an accepted registration has a life");
}

bool same(const shield::Answer& a, const shield::Answer& b) {
  return a.status == b.status && a.call_id.data() == b.call_id.data() && a.call_id == b.call_id &&
         a.cseq == b.cseq && a.nonce == b.nonce && a.expires_s == b.expires_s;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload = text_of(data, size);
  const auto datagram = answers_of(payload, packet::Protocol::udp);
  must(datagram.size() <= 1, "a datagram holds one message");
  for (const shield::Answer& answer : datagram) check(answer, payload);

  const auto segment = answers_of(payload, packet::Protocol::tcp);
  for (const shield::Answer& answer : segment) check(answer, payload);

  const auto cut = answers_of(payload.substr(0, size / 2), packet::Protocol::tcp);
  must(cut.size() <= segment.size() + 1, "a cut makes no more than its own message another one");
  for (std::size_t i = 0; i + 1 < cut.size(); ++i)
    must(same(cut[i], segment[i]), "a cut changes no message before its own");
  return 0;
}
