// Records as comma-separated values (RFC 4180), UTF-8, for billing programs and spreadsheets.
#pragma once

#include <string>
#include <string_view>

#include "cdr/record.h"

namespace sipward::cdr {

// The names of columns(), and a record's values, with CRLF at the end. What is not there is empty; times are
// as iso() writes them, yes and no are "true" and "false".
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string csv_line(const CallRecord& record);

// A stranger's text as one field, quoted where it must be. Control characters and bytes that are no UTF-8
// become U+FFFD. An apostrophe stands before '=', '+', '-', '@' and their full-width forms where a cell may
// begin: at the first character, and behind each ';' and tab, since some locales' spreadsheets separate by
// those. '+' and digits alone stay: that is a number, and no formula.
[[nodiscard]] std::string csv_field(std::string_view foreign);

}  // namespace sipward::cdr
