// The results of sae/match as the messages of proto/seedbed/v1/results.proto.
#ifndef SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_
#define SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_

#include "sae/match/agreement.h"
#include "sae/match/summary.h"
#include "seedbed/v1/results.pb.h"
#include "worker/agree/compared_dictionary.h"

namespace seedbed {

v1::Dictionary ToMessage(const ComparedDictionary& dictionary);

// Without the indices and the time, which the caller knows.
v1::PairAgreement ToMessage(const PairAgreement& pair);

v1::AgreementSummary ToMessage(const AgreementSummary& summary);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_
