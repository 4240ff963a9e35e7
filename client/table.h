// Text in aligned columns.
#ifndef SEEDBED_CLIENT_TABLE_H_
#define SEEDBED_CLIENT_TABLE_H_

#include <string>
#include <vector>

namespace seedbed {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column. A line break or tab in a cell becomes a space.
  void AddRow(std::vector<std::string> cells);

  // The headings and the rows, two spaces between columns, no spaces at line ends. Every line starts with `indent`
  // spaces. Widths count code points.
  std::string ToString(size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Code points in UTF-8 text: columns on a terminal, for the text that we print.
size_t DisplayWidth(const std::string& text);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_TABLE_H_
