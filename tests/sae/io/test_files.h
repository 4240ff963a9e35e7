// Files for tests, written without the cost of being durable.
#ifndef SEEDBED_TESTS_SAE_IO_TEST_FILES_H_
#define SEEDBED_TESTS_SAE_IO_TEST_FILES_H_

#include <fstream>
#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// Gives `path` back.
inline std::string WriteTestFile(const std::string& path, absl::string_view contents) {
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_IO_TEST_FILES_H_
