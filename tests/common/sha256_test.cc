#include "common/sha256.h"

#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

// FIPS 180-4 examples.
constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kTwoBlocks[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr char kMillionAs[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256Test, KnownVectors) {
  EXPECT_EQ(Sha256Hex(""), kEmpty);
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), kTwoBlocks);
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')), kMillionAs);
}

TEST(Sha256Test, PiecesGiveWhatTheWholeGives) {
  for (size_t piece : {1, 7, 63, 64, 65, 1000}) {
    Sha256 hash;
    for (size_t done = 0; done < 10'000; done += piece) hash.Update(std::string(std::min(piece, 10'000 - done), 'a'));
    EXPECT_EQ(hash.Finish(), Sha256Hex(std::string(10'000, 'a'))) << piece;
  }
}

TEST(Sha256Test, OfFileReadsItWholeOrNamesIt) {
  TempFolder folder;
  ASSERT_TRUE(WriteFileDurably(folder.Path("file"), std::string(3 << 20, 'a')).ok());
  EXPECT_EQ(Sha256OfFile(folder.Path("file")).value(), Sha256Hex(std::string(3 << 20, 'a')));
  EXPECT_EQ(Sha256OfFile(folder.Path("missing")).status().code(), absl::StatusCode::kNotFound);
  const absl::Status of_folder = Sha256OfFile(folder.path()).status();
  EXPECT_THAT(std::string(of_folder.message()), testing::HasSubstr(folder.path()));
}

}  // namespace
}  // namespace seedbed
