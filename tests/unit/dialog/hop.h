// The messages of calls on a hop, and what a dialog table tells of them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "dialog/dialog_table.h"
#include "sip/message.h"

namespace sipward::dialog {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

inline constexpr auto kCaller = Side::caller;
inline constexpr auto kCallee = Side::callee;

inline Endpoint endpoint(std::string_view address, std::uint16_t port = 5060) {
  return {Address::parse(address).value(), port};
}

// One line for each thing told: "answered b1", "attempt refused 486", "ended b1 bye".
class Log : public Listener {
 public:
  void on_attempt_ended(const Attempt& attempt) override {
    static constexpr std::array kHow{"refused", "cancelled", "timed_out", "forgotten"};
    told("attempt " + std::string(kHow.at(static_cast<std::size_t>(attempt.how))) + " " +
         std::to_string(attempt.status));
    attempts.push_back(attempt.dialog);
  }
  void on_answered(Dialog& dialog) override { told("answered", dialog); }
  void on_refreshed(Dialog& dialog) override { told("refreshed", dialog); }
  void on_changed(Dialog&) override { ++changes; }
  void on_bye(Dialog& dialog, Side from) override {
    told(from == Side::caller ? "caller's bye" : "callee's bye", dialog);
  }
  void on_unacknowledged(Dialog& dialog) override { told("unacknowledged", dialog); }
  void on_ended(Dialog& dialog, End how) override {
    static constexpr std::array kHow{"bye", "gone", "dropped"};
    told("ended " + dialog.party(Side::callee).tag + " " + kHow.at(static_cast<std::size_t>(how)));
  }
  // What was told since it was asked last.
  Lines take() { return std::exchange(lines_, {}); }

  std::vector<Dialog> attempts;
  unsigned changes = 0;

 private:
  void told(const std::string& what, const Dialog& dialog) {
    told(what + " " + dialog.party(Side::callee).tag);
  }
  void told(std::string line) { lines_.push_back(std::move(line)); }

  Lines lines_;
};

// A dialog table and its clock.
class Hop {
 public:
  explicit Hop(const TableLimits& limits = {}) : table(limits, log) {}
  Hop(const TableLimits& limits, Listener& listener) : table(limits, listener) {}

  void see(std::string_view bytes, const Endpoint& source, const Endpoint& destination) {
    message_->read(bytes);
    table.see({*message_, source, destination, transport, now});
  }
  void wait(milliseconds time) {
    now.steady += time;
    now.wall += time;
    table.pass(now);
  }
  [[nodiscard]] std::vector<Dialog> dialogs() const {
    std::vector<Dialog> all;
    table.for_each([&](const Dialog& dialog) { all.push_back(dialog); });
    return all;
  }
  // The only one.
  [[nodiscard]] Dialog dialog() const { return dialogs().at(0); }

  Log log;
  DialogTable table;
  Now now{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(24 * 365 * 50))};
  Transport transport = Transport::udp;

 private:
  std::unique_ptr<sip::Message> message_ = std::make_unique<sip::Message>();
};

// The two sides of a call; what they send is seen on the hop at once.
class Conversation {
 public:
  explicit Conversation(Hop& hop, std::string id = "call-1") : call_id(std::move(id)), hop_(&hop) {}

  void request(Side from, std::string_view method, std::uint32_t cseq, std::string_view callee_tag,
               const Lines& headers = {}) {
    const bool of_invite = method == "CANCEL" || callee_tag == "failed";
    const std::string branch = std::string(of_invite ? "INVITE" : method) + branch_suffix;
    const std::string uri = from == Side::caller ? uri_of_callee : uri_of_caller;
    send(std::string(method) + " " + uri + " SIP/2.0", from, method, cseq, callee_tag, branch, headers, true);
  }
  // To a request of `requester`.
  void response(Side requester, unsigned status, std::string_view method, std::uint32_t cseq,
                std::string_view callee_tag, const Lines& headers = {}) {
    send("SIP/2.0 " + std::to_string(status) + " Text", requester, method, cseq, callee_tag,
         std::string(method) + branch_suffix, headers, false);
  }

  void invite(std::uint32_t cseq = 1, const Lines& headers = {}) {
    Lines all{"Contact: <sip:alice@10.0.0.9:5062>", "User-Agent: phone"};
    all.insert(all.end(), headers.begin(), headers.end());
    request(Side::caller, "INVITE", cseq, "", all);
  }
  void rings(std::string_view tag = "b1", unsigned status = 180, std::uint32_t cseq = 1) {
    response(Side::caller, status, "INVITE", cseq, tag,
             {"Contact: <sip:" + std::string(tag) + "@ringing.example>"});
  }
  void fails(unsigned status, std::uint32_t cseq = 1) {
    response(Side::caller, status, "INVITE", cseq, "failed");
  }
  void answers(std::string_view tag = "b1", std::uint32_t cseq = 1, const Lines& headers = {}) {
    Lines all{"Contact: <sip:" + std::string(tag) + "@callee.example>", "Server: switch"};
    all.insert(all.end(), headers.begin(), headers.end());
    response(Side::caller, 200, "INVITE", cseq, tag, all);
  }
  void acks(std::string_view tag = "b1", std::uint32_t cseq = 1) {
    const std::string uri = std::exchange(uri_of_callee, "sip:" + std::string(tag) + "@callee.example");
    request(Side::caller, "ACK", cseq, tag);
    uri_of_callee = uri;
  }
  void is_set_up(std::string_view tag = "b1") {
    invite();
    answers(tag);
    acks(tag);
  }
  // A request with its answer.
  void exchange(Side from, std::string_view method, std::uint32_t cseq, unsigned status = 200,
                const Lines& request_headers = {}, const Lines& response_headers = {}) {
    request(from, method, cseq, "b1", request_headers);
    response(from, status, method, cseq, "b1", response_headers);
  }

  std::string call_id;
  std::string caller_tag = "a1";
  Endpoint caller = endpoint("192.0.2.1");
  Endpoint callee = endpoint("198.51.100.1");
  std::string uri_of_callee = "sip:00441@switch.example";
  std::string branch_suffix;  // of all that it sends: tells the branches of a proxy
  std::string uri_of_caller = "sip:alice@10.0.0.9:5062";

 private:
  void send(const std::string& start_line, Side requester, std::string_view method, std::uint32_t cseq,
            std::string_view callee_tag, const std::string& branch, const Lines& headers, bool is_request) {
    const std::string alice = "\"Alice\" <sip:alice@a.example>";
    const std::string bob = "<sip:00441@b.example>";
    const bool by_caller = requester == Side::caller;
    const std::string alices = alice + ";tag=" + caller_tag;
    const std::string bobs = callee_tag.empty() ? bob : bob + ";tag=" + std::string(callee_tag);
    std::string text = start_line + "\r\nVia: SIP/2.0/UDP x.example;branch=z9hG4bK" + branch +
                       std::to_string(cseq) + "\r\nFrom: " + (by_caller ? alices : bobs) +
                       "\r\nTo: " + (by_caller ? bobs : alices) + "\r\nCall-ID: " + call_id +
                       "\r\nCSeq: " + std::to_string(cseq) + " " + std::string(method) + "\r\n";
    for (const std::string& header : headers) text += header + "\r\n";
    text += "\r\n";
    const bool to_callee = by_caller == is_request;
    hop_->see(text, to_callee ? caller : callee, to_callee ? callee : caller);
  }

  Hop* hop_;
};

}  // namespace sipward::dialog
