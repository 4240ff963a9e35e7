#include "worker/agree/pair_store.h"

#include <utility>

#include "common/file.h"
#include "common/logging.h"
#include "common/pair_key.h"
#include "common/status.h"
#include "proto/pairs/stored_pair.h"
#include "seedbed/v1/pair_matching.pb.h"

namespace seedbed {
namespace {

v1::SideMatching ToMessage(const SideCounterparts& counterparts, const SideMatching& side) {
  v1::SideMatching message;
  message.mutable_counterpart()->Add(counterparts.counterpart.begin(), counterparts.counterpart.end());
  message.mutable_cosine()->Add(counterparts.cosine.begin(), counterparts.cosine.end());
  message.set_mean_cosine(side.mean_cosine);
  message.set_upper_bound(side.upper_bound);
  message.set_certified(side.certified);
  message.set_rounds(side.rounds);
  message.set_seconds(side.seconds);
  message.set_zero_rows_a(side.zero_rows_a);
  message.set_zero_rows_b(side.zero_rows_b);
  message.mutable_largest_a()->Add(side.largest_a.begin(), side.largest_a.end());
  message.mutable_largest_b()->Add(side.largest_b.begin(), side.largest_b.end());
  message.set_largest_proven(side.largest_proven);
  return message;
}

void FromMessage(const v1::SideMatching& message, SideCounterparts* counterparts, SideMatching* side) {
  counterparts->counterpart.assign(message.counterpart().begin(), message.counterpart().end());
  counterparts->cosine.assign(message.cosine().begin(), message.cosine().end());
  side->mean_cosine = message.mean_cosine();
  side->upper_bound = message.upper_bound();
  side->certified = message.certified();
  side->rounds = message.rounds();
  side->seconds = message.seconds();
  side->zero_rows_a = message.zero_rows_a();
  side->zero_rows_b = message.zero_rows_b();
  side->largest_a.assign(message.largest_a().begin(), message.largest_a().end());
  side->largest_b.assign(message.largest_b().begin(), message.largest_b().end());
  side->largest_proven = message.largest_proven();
}

PairMatching FromMessage(const v1::StoredPair& stored) {
  PairMatching pair;
  FromMessage(stored.decoder(), &pair.counterparts.decoder, &pair.decoder);
  FromMessage(stored.encoder(), &pair.counterparts.encoder, &pair.encoder);
  return pair;
}

}  // namespace

absl::StatusOr<std::optional<PairMatching>> PairStore::Find(const std::string& identity_a,
                                                            const std::string& identity_b) const {
  const std::string identity = PairIdentity(identity_a, identity_b);
  const std::string path = JoinPath(folder_, PairFileName(identity));
  if (!PathExists(path)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  const std::optional<v1::StoredPair> stored = ParseStoredPair(file, identity);
  if (stored.has_value()) return FromMessage(*stored);
  Log(LogLevel::kWarning, "a stored matching is damaged and is computed again", {{"file", path}});
  return std::nullopt;
}

absl::Status PairStore::Save(const std::string& identity_a, const std::string& identity_b,
                             const PairMatching& pair) const {
  v1::StoredPair stored;
  stored.set_identity(PairIdentity(identity_a, identity_b));
  *stored.mutable_decoder() = ToMessage(pair.counterparts.decoder, pair.decoder);
  *stored.mutable_encoder() = ToMessage(pair.counterparts.encoder, pair.encoder);
  RETURN_IF_ERROR(MakeFolders(folder_));
  return WriteFileDurably(JoinPath(folder_, PairFileName(stored.identity())), FormatStoredPair(stored));
}

}  // namespace seedbed
