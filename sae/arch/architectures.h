// Every architecture, each in a file of its name.
#ifndef SEEDBED_SAE_ARCH_ARCHITECTURES_H_
#define SEEDBED_SAE_ARCH_ARCHITECTURES_H_

#include "sae/arch/architecture.h"

namespace seedbed {

Architecture TopkArchitecture();
Architecture BatchtopkArchitecture();
Architecture MatryoshkaArchitecture();
Architecture ReluArchitecture();
Architecture GatedArchitecture();
Architecture JumpreluArchitecture();

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_ARCHITECTURES_H_
