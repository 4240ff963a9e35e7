#include "sae/arch/cuda/engine_stream.h"

#include "c10/core/impl/VirtualGuardImpl.h"
#include "c10/cuda/CUDAStream.h"

namespace seedbed {
namespace {

c10::Stream CallersStream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

EngineStream::EngineStream(at::Device device)
    : stream_(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device)),
      caller_(device.type()),
      own_(device.type()),
      marked_(device.type()) {}

cudaStream_t EngineStream::get() const { return c10::cuda::CUDAStream(stream_).stream(); }

void EngineStream::WaitForCaller() {
  caller_.record(CallersStream(stream_.device()));
  caller_.block(stream_);
}

void EngineStream::LetCallerWait() const {
  own_.record(stream_);
  own_.block(CallersStream(stream_.device()));
}

void EngineStream::Finish() const { cudaStreamSynchronize(get()); }

void EngineStream::Mark() { marked_.record(stream_); }

}  // namespace seedbed
