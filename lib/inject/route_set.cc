#include "inject/route_set.h"

#include <algorithm>
#include <iterator>

#include "sip/name_addr.h"
#include "sip/uri.h"

namespace sipward::inject {
namespace {

using dialog::Dialog;
using dialog::Party;
using dialog::Side;

// The part of the route set that lies behind this hop, as its near end would write it.
std::vector<std::string> route_from(const Dialog& dialog, Side from) {
  const auto& of_invite = dialog.party(Side::caller).record_route;
  if (from == Side::callee) return of_invite;
  // The 2xx holds the whole path, the callee's end first: the last values stand for what lies before this
  // hop, which the INVITE had passed when it came by here.
  const auto& of_answer = dialog.party(Side::callee).record_route;
  const std::size_t before_hop = std::min(of_invite.size(), of_answer.size());
  return {of_answer.rbegin() + static_cast<std::ptrdiff_t>(before_hop), of_answer.rend()};
}

bool is_loose_router(std::string_view uri) {
  return sip::find_parameter(sip::read_uri(uri).parameters, "lr").has_value();
}

// A strict router looks for its own URI in the Request-URI, and takes the next one from Route.
void put_strict_first(Addressing& to) {
  const std::string first(uri_of(to.route.front()));
  to.route.erase(to.route.begin());
  to.route.push_back("<" + to.request_uri + ">");
  to.request_uri = first;
}

}  // namespace

Addressing addressing(const Dialog& dialog, Side from) {
  const Party& sender = dialog.party(from);
  if (!sender.request_uri.empty()) return {std::string(uri_of(sender.request_uri)), sender.route};
  Addressing to{std::string(uri_of(dialog.party(dialog::other(from)).target)), route_from(dialog, from)};
  if (to.request_uri.empty()) return to;
  if (!to.route.empty() && !is_loose_router(uri_of(to.route.front()))) put_strict_first(to);
  to.request_uri = as_request_uri(to.request_uri);
  return to;
}

std::string_view uri_of(std::string_view value) {
  return value.find('<') == std::string_view::npos ? value : sip::read_name_addr(value).uri;
}

std::string as_request_uri(std::string_view uri) {
  const sip::Uri read = sip::read_uri(uri);
  if (read.scheme != sip::Uri::Scheme::sip && read.scheme != sip::Uri::Scheme::sips) return std::string(uri);
  std::string made(uri.begin(), read.parameters.begin());
  std::string_view rest = read.parameters;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(';', 1));
    rest.remove_prefix(one.size());
    if (!sip::find_parameter(one, "method")) made += one;
  }
  return made;
}

}  // namespace sipward::inject
