// Text and tables as HTML.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_HTML_H_
#define SEEDBED_SERVER_RESULTS_REPORT_HTML_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace seedbed {

// As it stands in an element or in an attribute in double quotes.
std::string EscapeHtml(absl::string_view text);

class HtmlTable {
 public:
  enum class Kind { kText, kNumber };
  struct Column {
    std::string heading;
    Kind kind = Kind::kNumber;
  };

  HtmlTable() = default;
  explicit HtmlTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void AddColumn(Column column) { columns_.push_back(std::move(column)); }

  // One cell a column, as plain text.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  bool empty() const { return rows_.empty(); }

  // In a box that scrolls where the table is wider than the page.
  std::string ToHtml() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_HTML_H_
