// The style sheet of the report: light and dark, phone and desktop.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_REPORT_STYLE_H_
#define SEEDBED_SERVER_RESULTS_REPORT_REPORT_STYLE_H_

#include "absl/strings/string_view.h"

namespace seedbed {

// Colours of series are told apart by people with deuteranopia and protanopia, and have a contrast of 3 and more with
// the card that they stand on.
absl::string_view ReportStyle();

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_REPORT_STYLE_H_
