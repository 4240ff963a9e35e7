#include "sae/arch/cuda/topk_engine.h"

namespace seedbed {

std::unique_ptr<SaeEngine> MakeCudaTopkEngine(const SaeConfig&, const SaeTensors&, at::Device) { return nullptr; }

}  // namespace seedbed
