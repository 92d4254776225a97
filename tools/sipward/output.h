// What the user sees: data to stdout, chatter to stderr, colour where it can be read.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sipward::cli {

enum class Paint { plain, bold, dim, good, warn, bad, match };

// Chosen once from --color, NO_COLOR (no-color.org: set and not empty), TERM and whether stdout is a
// terminal. `choice` is "auto", "always" or "never".
[[nodiscard]] bool wants_color(std::string_view choice, bool is_terminal);

class Output {
 public:
  Output(bool as_json, bool color, bool is_terminal)
      : as_json_(as_json), color_(color), is_terminal_(is_terminal) {}

  [[nodiscard]] bool as_json() const { return as_json_; }
  [[nodiscard]] bool is_terminal() const { return is_terminal_; }
  // Whether the screen can be redrawn.
  [[nodiscard]] bool can_redraw() const;

  // `text` must be safe already (text.h).
  [[nodiscard]] std::string paint(Paint paint, std::string_view text) const;

  // Writes and flushes. A reader who left (`sipward bans list | head`) ends the output without a word; any
  // other failure is kept for `failure`.
  void print(std::string_view text);
  // The reply as JSON with schema_version: indented on a terminal, else on one line. Non-ASCII is escaped, so
  // no terminal can be made to obey it.
  void print_json(nlohmann::json reply);
  // One line to stderr.
  void note(std::string_view text) const;

  [[nodiscard]] bool reader_left() const { return reader_left_; }
  // What went wrong with stdout, if anything did.
  [[nodiscard]] Result<void> failure() const;

 private:
  bool as_json_;
  bool color_;
  bool is_terminal_;
  bool reader_left_ = false;
  int write_error_ = 0;
};

struct Cell {
  Cell(std::string cell_text, Paint cell_paint = Paint::plain)
      : text(std::move(cell_text)), paint(cell_paint) {}  // NOLINT
  Cell(const char* cell_text) : text(cell_text) {}        // NOLINT: a text is a cell
  std::string text;
  Paint paint = Paint::plain;
};

struct Column {
  std::string_view name;  // no column has one: no heading
  bool right = false;
};

// Aligned columns, two blanks apart. Cells are made safe on the way in.
class Table {
 public:
  explicit Table(std::vector<Column> columns, std::string indent = "")
      : columns_(std::move(columns)), indent_(std::move(indent)) {}
  void add(std::vector<Cell> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(const Output& out) const;

 private:
  [[nodiscard]] std::string render_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                                       const Output& out) const;

  std::vector<Column> columns_;
  std::string indent_;
  std::vector<std::vector<Cell>> rows_;
};

// "label       text": the lines of status and explain.
[[nodiscard]] std::string labelled(const Output& out, std::string_view label, std::string_view text);

}  // namespace sipward::cli
