#include "server/results/report/html.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace seedbed {

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string HtmlTable::ToHtml() const {
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>";
  for (const Column& column : columns_) {
    absl::StrAppend(&html, column.kind == Kind::kText ? "<th class=\"text\">" : "<th>", EscapeHtml(column.heading),
                    "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (const std::vector<std::string>& row : rows_) {
    absl::StrAppend(&html, "<tr>");
    for (size_t i = 0; i < std::min(row.size(), columns_.size()); ++i) {
      absl::StrAppend(&html, columns_[i].kind == Kind::kText ? "<td class=\"text\">" : "<td>", EscapeHtml(row[i]),
                      "</td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  absl::StrAppend(&html, "</tbody></table></div>\n");
  return html;
}

}  // namespace seedbed
