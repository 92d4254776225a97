#include "output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "text.h"

namespace sipward::cli {
namespace {

constexpr std::size_t kLabelWidth = 12;
constexpr int kSchemaVersion = 1;

bool is_dumb_terminal() {
  const char* term = std::getenv("TERM");
  return !term || std::string_view(term) == "dumb";
}

std::string_view sequence(Paint paint) {
  switch (paint) {
    case Paint::bold:
      return "\x1b[1m";
    case Paint::dim:
      return "\x1b[2m";
    case Paint::good:
      return "\x1b[32m";
    case Paint::warn:
      return "\x1b[33m";
    case Paint::bad:
      return "\x1b[31m";
    case Paint::match:
      return "\x1b[1;31m";
    case Paint::plain:
      break;
  }
  return "";
}

}  // namespace

bool wants_color(std::string_view choice, bool is_terminal) {
  if (choice != "auto") return choice == "always";
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal && !is_dumb_terminal() && (!no_color || *no_color == '\0');
}

bool Output::can_redraw() const {
  return is_terminal_ && !is_dumb_terminal();
}

std::string Output::paint(Paint paint, std::string_view text) const {
  if (!color_ || paint == Paint::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", sequence(paint), text);
}

void Output::print(std::string_view text) {
  while (!text.empty() && !reader_left_ && write_error_ == 0) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      reader_left_ = true;
    } else if (errno == EAGAIN) {
      // Somebody else made the pipe non-blocking.
      pollfd entry{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&entry, 1, -1);
    } else if (errno != EINTR) {
      write_error_ = errno;
    }
  }
}

void Output::print_json(nlohmann::json reply) {
  reply["schema_version"] = kSchemaVersion;
  const int indent = is_terminal_ ? 2 : -1;
  print(reply.dump(indent, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) + "\n");
}

void Output::note(std::string_view text) const {
  fmt::print(stderr, "{}\n", safe(text));
}

Result<void> Output::failure() const {
  if (write_error_ == 0) return {};
  return fail_errno(write_error_, "cannot write the output");
}

void Table::add(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = safe(cell.text);
  rows_.push_back(std::move(cells));
}

std::string Table::render(const Output& out) const {
  std::vector<std::size_t> widths;
  std::vector<Cell> heading;
  bool has_heading = false;
  for (const Column& column : columns_) {
    widths.push_back(column.name.size());
    heading.emplace_back(std::string(column.name), Paint::bold);
    has_heading = has_heading || !column.name.empty();
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i].text));
  std::string text = has_heading ? render_row(heading, widths, out) : "";
  for (const auto& row : rows_) text += render_row(row, widths, out);
  return text;
}

std::string Table::render_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                              const Output& out) const {
  std::string line = indent_;
  std::string gap;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string padding(widths[i] - width(row[i].text), ' ');
    if (columns_[i].right) gap += padding;
    // An empty cell leaves its gap to the next one, so that no line ends in blanks.
    if (!row[i].text.empty()) {
      line += gap + out.paint(row[i].paint, row[i].text);
      gap.clear();
    }
    gap += (columns_[i].right ? "" : padding) + "  ";
  }
  return line + "\n";
}

std::string labelled(const Output& out, std::string_view label, std::string_view text) {
  const std::size_t blanks = kLabelWidth - std::min(kLabelWidth, label.size());
  return fmt::format("{}{}{}\n", out.paint(Paint::bold, label), std::string(blanks, ' '), text);
}

}  // namespace sipward::cli
