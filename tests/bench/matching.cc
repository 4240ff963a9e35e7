// The exact matching of two dictionaries against NumPy's product and SciPy's linear_sum_assignment, in the same run,
// two threads. Dictionaries are random unit rows of which a fraction is shared: there the second one has, at a random
// place, a row of cosine .7 to .99 with one of the first.
//
// SEEDBED_BENCH_CASES lists shapes, rows x width (default: 4096x512,16384x768), SEEDBED_BENCH_SHARED the fractions
// (default: .3,.6), SEEDBED_BENCH_PRODUCTS kernels: avx512_vnni, avx2, portable (default: those of them that the CPU
// has, but for portable). SEEDBED_BENCH_PYTHON is a Python with SciPy (default: .venv/bin/python), which gets shapes of
// up to SEEDBED_BENCH_SCIPY_ROWS rows (default: 16384; it needs 8 bytes for the square of them, and at 32768 rows many
// minutes). Without one the ratios are left out. Peak memory is that of the process so far, dictionaries included, so
// it is a shape's own where shapes grow.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/randperm.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "sae/match/cosine.h"
#include "sae/match/cpu_product_sweep.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/stopwatch.h"

namespace seedbed {
namespace {

constexpr int kThreads = 2;
constexpr int64_t kRowsRepeated = 32768;  // Up to here the median of three runs is taken.

struct Shape {
  int64_t rows = 0;
  int64_t width = 0;
};

struct Dictionaries {
  at::Tensor a;
  at::Tensor b;
};

at::Tensor UnitNoise(int64_t rows, int64_t width) {
  at::Tensor noise = at::randn({rows, width});
  return noise.div_(at::linalg_vector_norm(noise, 2, at::IntArrayRef{1}, /*keepdim=*/true));
}

// A piece at a time, so that the matching is what takes the most memory.
Dictionaries MakeDictionaries(const Shape& shape, double shared_fraction) {
  constexpr int64_t kPiece = 4096;
  at::manual_seed(1);
  Dictionaries result{at::empty({shape.rows, shape.width}), at::empty({shape.rows, shape.width})};
  const at::Tensor places = at::randperm(shape.rows);
  const auto shared = static_cast<int64_t>(shared_fraction * static_cast<double>(shape.rows));
  for (int64_t first = 0; first < shape.rows; first += kPiece) {
    const int64_t rows = std::min(kPiece, shape.rows - first);
    const at::Tensor a = UnitNoise(rows, shape.width);
    at::Tensor b = UnitNoise(rows, shape.width);
    const int64_t shared_here = std::max<int64_t>(0, std::min(rows, shared - first));
    if (shared_here > 0) {
      const at::Tensor cosines = at::rand({shared_here, 1}) * 0.29 + 0.7;
      at::Tensor some = b.narrow(0, 0, shared_here);
      some.mul_((1 - cosines * cosines).sqrt_()).add_(cosines * a.narrow(0, 0, shared_here));
    }
    result.a.narrow(0, first, rows).copy_(a);
    result.b.index_copy_(0, places.narrow(0, first, rows), b);
  }
  return result;
}

rusage Usage() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double PeakGigabytes() { return static_cast<double>(Usage().ru_maxrss) * 1024 / 1e9; }

// Of all threads.
double CpuSeconds() {
  const rusage usage = Usage();
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

std::vector<const Int8Products*> ChosenProducts() {
  const std::vector<std::string> wanted = absl::StrSplit(Setting("SEEDBED_BENCH_PRODUCTS", "avx512_vnni,avx2"), ',');
  std::vector<const Int8Products*> chosen;
  for (const Int8Products* products : SupportedProducts()) {
    if (std::count(wanted.begin(), wanted.end(), products->name) > 0) chosen.push_back(products);
  }
  if (!chosen.empty()) return chosen;
  std::fprintf(stderr, "matching: SEEDBED_BENCH_PRODUCTS: this CPU has none of %s\n",
               absl::StrJoin(wanted, ", ").c_str());
  std::exit(1);
}

std::vector<Shape> ChosenShapes() {
  std::vector<Shape> shapes;
  for (const absl::string_view text : absl::StrSplit(Setting("SEEDBED_BENCH_CASES", "4096x512,16384x768"), ',')) {
    const std::pair<std::string, std::string> sizes = absl::StrSplit(text, absl::MaxSplits('x', 1));
    Shape shape;
    if (!absl::SimpleAtoi(sizes.first, &shape.rows) || !absl::SimpleAtoi(sizes.second, &shape.width) ||
        shape.rows < 1 || shape.width < 1) {
      std::fprintf(stderr, "matching: SEEDBED_BENCH_CASES: found %s; ROWSxWIDTH is needed\n",
                   std::string(text).c_str());
      std::exit(1);
    }
    shapes.push_back(shape);
  }
  return shapes;
}

std::vector<double> ChosenFractions() {
  std::vector<double> fractions;
  for (const absl::string_view text : absl::StrSplit(Setting("SEEDBED_BENCH_SHARED", ".3,.6"), ',')) {
    double fraction = 0;
    if (!absl::SimpleAtod(text, &fraction) || !(fraction >= 0 && fraction <= 1)) {
      std::fprintf(stderr, "matching: SEEDBED_BENCH_SHARED: found %s; 0..1 is allowed\n", std::string(text).c_str());
      std::exit(1);
    }
    fractions.push_back(fraction);
  }
  return fractions;
}

// Wall-clock seconds, and those that all threads computed: other work on the machine adds less to the latter.
struct Duration {
  double seconds = 0;
  double cpu_seconds = 0;
};

struct Measured {
  Matching matching;
  Duration duration;
};

Measured Match(const Dictionaries& dictionaries, const Int8Products* products) {
  const CpuProductSweep sweep(*products);
  MatchOptions options;
  options.engine.sweep = &sweep;
  Measured measured;
  std::vector<Duration> durations(dictionaries.a.size(0) <= kRowsRepeated ? 3 : 1);
  for (Duration& each : durations) {
    const double before = CpuSeconds();
    each.seconds = SecondsOf([&] { measured.matching = *MatchRows(dictionaries.a, dictionaries.b, options); });
    each.cpu_seconds = CpuSeconds() - before;
  }
  std::sort(durations.begin(), durations.end(),
            [](const Duration& a, const Duration& b) { return a.seconds < b.seconds; });
  measured.duration = durations[durations.size() / 2];
  return measured;
}

void WriteRows(const at::Tensor& rows, const std::string& path) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(rows.const_data_ptr()), static_cast<std::streamsize>(rows.nbytes()));
}

// SciPy's seconds and total on dictionaries that it is given as files.
class SciPy {
 public:
  SciPy() {
    most_rows_ = 0;
    if (!absl::SimpleAtoi(Setting("SEEDBED_BENCH_SCIPY_ROWS", "16384"), &most_rows_)) most_rows_ = 0;
    setenv("SEEDBED_BENCH_PYTHON", ".venv/bin/python", /*overwrite=*/0);
    if (most_rows_ > 0 && mkdtemp(folder_.data()) != nullptr) {
      process_ = PeerProcess::Start("matching_scipy.py", {std::to_string(kThreads)});
    }
  }
  ~SciPy() { RemoveAll(folder_).IgnoreError(); }

  struct Answer {
    Duration duration;
    double total = 0;
  };
  std::optional<Answer> Match(const Dictionaries& dictionaries) {
    const int64_t rows = dictionaries.a.size(0);
    if (!process_.has_value() || rows > most_rows_) return std::nullopt;
    const std::string a = JoinPath(folder_, "a");
    const std::string b = JoinPath(folder_, "b");
    WriteRows(dictionaries.a, a);
    WriteRows(dictionaries.b, b);
    const auto seconds = process_->Ask(absl::StrCat(a, " ", b, " ", rows, " ", dictionaries.a.size(1)));
    if (!seconds.has_value()) return std::nullopt;
    const auto cpu_seconds = process_->Ask("cpu");
    const auto total = process_->Ask("total");
    if (!cpu_seconds.has_value() || !total.has_value()) return std::nullopt;
    return Answer{{*seconds, *cpu_seconds}, *total};
  }

 private:
  std::string folder_ = "/tmp/seedbed-matching-XXXXXX";
  int64_t most_rows_ = 0;
  std::optional<PeerProcess> process_;
};

// Of SciPy's seconds to ours, by name; where there are several, the least counts.
using Ratios = std::map<std::string, double>;

void AddRatio(const std::string& name, double ratio, Ratios* ratios) {
  const auto [at, is_new] = ratios->emplace(name, ratio);
  if (!is_new) at->second = std::min(at->second, ratio);
}

void PrintOurs(const Shape& shape, double shared_fraction, const Int8Products& products, const Measured& measured) {
  const Matching& matching = measured.matching;
  const double gap = (matching.upper_bound - matching.mean_cosine) * static_cast<double>(shape.rows);
  std::printf("%8ld %6ld %7.1f %-12s %9.3f %9.3f %7d %10s %10.1e %9.2f", shape.rows, shape.width, shared_fraction,
              products.name, measured.duration.seconds, measured.duration.cpu_seconds, matching.rounds,
              matching.certified ? "yes" : "no", gap, PeakGigabytes());
}

void PrintSciPy(const SciPy::Answer& answer, const Measured& ours) {
  const auto rows = static_cast<double>(std::min(ours.matching.largest_a.size(), ours.matching.largest_b.size()));
  std::printf(" %9.2f %9.2f %7.1f %12.1e", answer.duration.seconds, answer.duration.cpu_seconds,
              answer.duration.seconds / ours.duration.seconds, ours.matching.mean_cosine * rows - answer.total);
}

// Prints a line for each kernel.
void RunCase(const Shape& shape, double shared_fraction, SciPy* scipy, Ratios* ratios) {
  const Dictionaries dictionaries = MakeDictionaries(shape, shared_fraction);
  const std::optional<SciPy::Answer> answer = scipy->Match(dictionaries);
  bool is_fastest = true;
  for (const Int8Products* products : ChosenProducts()) {
    const Measured measured = Match(dictionaries, products);
    PrintOurs(shape, shared_fraction, *products, measured);
    if (answer.has_value()) {
      PrintSciPy(*answer, measured);
      const std::string name = absl::StrCat("n", shape.rows, is_fastest ? "_" : absl::StrCat("_", products->name, "_"));
      AddRatio(absl::StrCat(name, "scipy_ratio"), answer->duration.seconds / measured.duration.seconds, ratios);
      AddRatio(absl::StrCat(name, "scipy_cpu_ratio"), answer->duration.cpu_seconds / measured.duration.cpu_seconds,
               ratios);
    }
    is_fastest = false;
    std::printf("\n");
    std::fflush(stdout);
  }
}

void Run() {
  SciPy scipy;
  const std::vector<double> shared_fractions = ChosenFractions();
  std::printf("%8s %6s %7s %-12s %9s %9s %7s %10s %10s %9s %9s %9s %7s %12s\n", "rows", "width", "shared", "kernel",
              "seconds", "cpu s", "rounds", "certified", "gap", "peak GB", "scipy s", "its cpu s", "ratio",
              "total - its");
  Ratios ratios;
  for (const Shape& shape : ChosenShapes()) {
    for (const double shared_fraction : shared_fractions) RunCase(shape, shared_fraction, &scipy, &ratios);
  }
  std::printf("matching");
  for (const auto& [name, ratio] : ratios) std::printf(" %s=%.1f", name.c_str(), ratio);
  std::printf("\n");
}

}  // namespace
}  // namespace seedbed

int main() {
  at::set_num_threads(seedbed::kThreads);
  std::signal(SIGPIPE, SIG_IGN);
  seedbed::Run();
  return 0;
}
