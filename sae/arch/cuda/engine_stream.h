// The stream of a GPU that an engine's work is queued on, beside that of its siblings.
#ifndef SEEDBED_SAE_ARCH_CUDA_ENGINE_STREAM_H_
#define SEEDBED_SAE_ARCH_CUDA_ENGINE_STREAM_H_

#include <cuda_runtime_api.h>

#include "c10/core/Device.h"
#include "c10/core/Event.h"
#include "c10/core/Stream.h"
#include "c10/core/StreamGuard.h"

namespace seedbed {

// "The caller's stream" is the current one outside of the guard. Not thread-safe. c10::Error where CUDA fails.
class EngineStream {
 public:
  // From LibTorch's pool of streams.
  explicit EngineStream(at::Device device);

  cudaStream_t get() const;
  // While it lives this is the current stream, which LibTorch's operations are queued on.
  c10::StreamGuard Use() const { return c10::StreamGuard(stream_); }

  // What is queued from here on waits for what the caller's stream has been given, or the other way round.
  void WaitForCaller();
  void LetCallerWait() const;

  // Marks the end of what has been queued, which Await waits for on the host.
  void Mark();
  void Await() const { marked_.synchronize(); }

  // Waits on the host for all that has been queued. An error of CUDA is left for who asks next.
  void Finish() const;

 private:
  const c10::Stream stream_;
  c10::Event caller_;
  mutable c10::Event own_;
  c10::Event marked_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ENGINE_STREAM_H_
