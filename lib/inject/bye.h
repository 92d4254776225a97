// The BYE that one side of a call would send to the other on this hop (RFC 3261 sections 12.2.1.1
// and 15.1.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "dialog/dialog.h"

namespace sipward::inject {

// Q.850 "recovery on timer expiry", what switches give for a call that a timer ended.
inline constexpr unsigned kRecoveryOnTimerExpiry = 102;

struct ByeRequest {
  dialog::Side from = dialog::Side::caller;
  unsigned rung = 0;   // of the ladder of CSeq numbers, see bye_cseq()
  std::string branch;  // of its Via: Branches::make()
  unsigned cause = kRecoveryOnTimerExpiry;
  std::string reason;  // the text of its Reason (RFC 3326), for people at both ends; "": no Reason
  bool brief = false;  // without all that the call ends without as well: Reason and display names
};

// A receiver answers 500 to a number that is not above the last one it saw (section 12.2.2). We may have
// missed some, so the first rung keeps 100 above `highest`, the second 2^16, and the third is 2^31 - 2^16:
// near the end of what a CSeq may be (section 8.1.1.5), for a side that began at a random number. Nothing
// when there is no such rung, or no number left that is above the rung before and below 2^31.
inline constexpr unsigned kRungs = 3;
[[nodiscard]] std::optional<std::uint32_t> bye_cseq(std::uint32_t highest, unsigned rung);

// The whole request. Request-URI and Route are those of the sender's last request within the dialog on this
// hop, else they are worked out from Contact and Record-Route.
//
// All text came from strangers: folded values are unfolded, and any other control byte, as well as a blank or
// a bracket in a URI, is an error of kind `invalid` that names the header and quotes it. `not_found`: what
// the request needs was never seen. `refused`: no CSeq is left.
[[nodiscard]] Result<std::string> write_bye(const dialog::Dialog& dialog, const ByeRequest& bye);

}  // namespace sipward::inject
