// Tables by latent as CSV. Pure.
#ifndef SEEDBED_CLIENT_LATENT_LINES_H_
#define SEEDBED_CLIENT_LATENT_LINES_H_

#include <string>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

// The line of headings that the table of this chunk has.
std::string LatentHeading(const seedbed::v1::StreamLatentsResponse& chunk);

// A line for each latent of the chunk. A latent without a counterpart has empty cells.
std::string LatentLines(const seedbed::v1::StreamLatentsResponse& chunk);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_LATENT_LINES_H_
