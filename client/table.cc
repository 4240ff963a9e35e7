#include "client/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace seedbed {
namespace {

constexpr size_t kBetweenColumns = 2;

std::string Padded(const std::string& text, size_t width, Table::Align align) {
  const std::string padding(width - DisplayWidth(text), ' ');
  return align == Table::Align::kRight ? padding + text : text + padding;
}

}  // namespace

size_t DisplayWidth(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = absl::StrReplaceAll(cell, {{"\n", " "}, {"\r", " "}, {"\t", " "}});
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(size_t indent) const {
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  std::vector<const std::vector<std::string>*> lines = {&headings};
  for (const auto& row : rows_) lines.push_back(&row);

  std::vector<size_t> widths(columns_.size(), 0);
  for (const auto* line : lines) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth((*line)[i]));
  }
  std::string text;
  for (const auto* cells : lines) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < widths.size(); ++i) {
      if (i > 0) line.append(kBetweenColumns, ' ');
      line += Padded((*cells)[i], widths[i], columns_[i].align);
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

}  // namespace seedbed
