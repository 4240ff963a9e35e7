// Protobuf messages in columns of SQLite.
#ifndef SEEDBED_SERVER_RESULTS_MESSAGE_COLUMN_H_
#define SEEDBED_SERVER_RESULTS_MESSAGE_COLUMN_H_

#include <string>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message_lite.h"

namespace seedbed {

inline void BindMessage(SQLite::Statement& statement, int index, const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  statement.bind(index, bytes.data(), static_cast<int>(bytes.size()));
}

// DATA_LOSS, naming the database at `path` and the column, for bytes that are no such message.
template <typename Message>
absl::StatusOr<Message> ParseColumn(const SQLite::Column& column, const std::string& path) {
  Message message;
  if (message.ParseFromArray(column.getBlob(), column.getBytes())) return message;
  return absl::DataLossError(absl::StrCat(path, ": the message in column ", column.getName(), " is damaged"));
}

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_MESSAGE_COLUMN_H_
