#include "proto/framing/framing.h"

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

v1::RankMessage Progress(const std::string& run, int64_t step) {
  v1::RankMessage message;
  message.mutable_progress()->set_run_id(run);
  message.mutable_progress()->set_step(step);
  return message;
}

// The bytes that WriteFrame puts on a pipe.
std::string Frame(const google::protobuf::MessageLite& message) {
  Pipe pipe = MakePipe().value();
  EXPECT_TRUE(WriteFrame(pipe.write_end.get(), message).ok());
  pipe.write_end.Close();
  std::string bytes;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(pipe.read_end.get(), buffer, sizeof buffer)) > 0) bytes.append(buffer, count);
  return bytes;
}

std::string Length(uint32_t length) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes;
}

TEST(FrameReaderTest, RefusesALengthOverTheLimitBeforeTheBytesCome) {
  FrameReader reader;
  reader.Append(Length(kMaxFrameBytes + 1));
  v1::RankMessage message;
  const auto next = reader.Next(&message);
  EXPECT_EQ(next.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(next.status().message()), HasSubstr(absl::StrCat(kMaxFrameBytes)));

  FrameReader of_text;
  of_text.Append("Segmentation fault\n");
  EXPECT_EQ(of_text.Next(&message).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FrameReaderTest, RefusesBytesThatAreNoMessage) {
  v1::RankMessage message;
  for (const std::string& bad : {std::string("\xFF\xFF\xFF\xFF\xFF"), std::string("\x0A\x7F", 2),
                                 std::string("\x1A\x03\x0A\x01\xFF", 5)}) {  // The last: a string that is not UTF-8.
    FrameReader reader;
    reader.Append(Length(static_cast<uint32_t>(bad.size())) + bad);
    EXPECT_EQ(reader.Next(&message).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FrameReaderTest, TakesMessagesSplitAtEveryByte) {
  const std::string bytes = Frame(Progress("one", 1)) + Frame(v1::RankMessage()) + Frame(Progress("two", 2));
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameReader reader;
    std::vector<v1::RankMessage> messages;
    for (const std::string& piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.Append(piece);
      v1::RankMessage message;
      while (reader.Next(&message).value()) messages.push_back(message);
    }
    ASSERT_EQ(messages.size(), 3u) << "cut at " << cut;
    EXPECT_EQ(messages[0].progress().run_id(), "one");
    EXPECT_EQ(messages[1].body_case(), v1::RankMessage::BODY_NOT_SET);
    EXPECT_EQ(messages[2].progress().step(), 2);
    EXPECT_EQ(reader.pending_bytes(), 0u);
  }
}

TEST(FrameReaderTest, AnEndInTheMiddleLeavesPendingBytes) {
  const std::string bytes = Frame(Progress("run", 3));
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    FrameReader reader;
    reader.Append(bytes.substr(0, cut));
    v1::RankMessage message;
    EXPECT_FALSE(reader.Next(&message).value());
    EXPECT_EQ(reader.pending_bytes(), cut);
  }
}

TEST(FrameReaderTest, ByteByByteOverManyMessages) {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += Frame(Progress("run", i));
  FrameReader reader;
  v1::RankMessage message;
  int64_t next_step = 0;
  for (const char byte : bytes) {
    reader.Append(absl::string_view(&byte, 1));
    while (reader.Next(&message).value()) EXPECT_EQ(message.progress().step(), next_step++);
  }
  EXPECT_EQ(next_step, 200);
}

TEST(FrameReaderTest, TheLargestFrameFits) {
  v1::RankMessage large;
  large.mutable_rank_failed()->set_message(std::string(kMaxFrameBytes - 16, 'x'));
  Pipe pipe = MakePipe().value();
  std::thread writer([&] {
    EXPECT_TRUE(WriteFrame(pipe.write_end.get(), large).ok());  // Blocks: a pipe holds less.
    pipe.write_end.Close();
  });
  FrameReader reader;
  char buffer[1 << 16];
  ssize_t count = 0;
  while ((count = read(pipe.read_end.get(), buffer, sizeof buffer)) > 0)
    reader.Append({buffer, static_cast<size_t>(count)});
  writer.join();
  v1::RankMessage message;
  ASSERT_TRUE(reader.Next(&message).value());
  EXPECT_EQ(message.rank_failed().message().size(), kMaxFrameBytes - 16);
}

TEST(WriteFrameTest, RefusesAMessageOverTheLimit) {
  Pipe pipe = MakePipe().value();
  v1::RankMessage large;
  large.mutable_rank_failed()->set_message(std::string(kMaxFrameBytes + 1, 'x'));
  EXPECT_EQ(WriteFrame(pipe.write_end.get(), large).code(), absl::StatusCode::kOutOfRange);
}

TEST(WriteFrameTest, AReaderThatIsGoneIsUnavailable) {
  signal(SIGPIPE, SIG_IGN);
  Pipe pipe = MakePipe().value();
  pipe.read_end.Close();
  EXPECT_EQ(WriteFrame(pipe.write_end.get(), Progress("run", 1)).code(), absl::StatusCode::kUnavailable);
}

TEST(WriteFrameTest, ADescriptorThatIsNotOpenIsAnError) { EXPECT_FALSE(WriteFrame(-1, Progress("run", 1)).ok()); }

}  // namespace
}  // namespace seedbed
