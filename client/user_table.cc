#include "client/user_table.h"

#include "absl/strings/str_cat.h"
#include "client/table.h"
#include "common/number_words.h"

namespace seedbed {

std::string FormatShare(double share) { return absl::StrCat(share); }

std::string FormatUsers(const v1::ListUsersResponse& response) {
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"USER"},
               {"SHARE", kRight},
               {"MOST SLOTS", kRight},
               {"SLOTS HELD", kRight},
               {"RECENTLY HELD", kRight},
               {"GANGS WAITING", kRight}});
  for (const v1::User& user : response.users()) {
    table.AddRow({user.name(), FormatShare(user.share()),
                  user.most_slots() == 0 ? "-" : absl::StrCat(user.most_slots()), absl::StrCat(user.slots_held()),
                  FormatFixed(user.recent_slots(), 2), absl::StrCat(user.gangs_waiting())});
  }
  return table.ToString();
}

}  // namespace seedbed
