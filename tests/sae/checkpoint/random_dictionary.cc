#include "tests/sae/checkpoint/random_dictionary.h"

#include "ATen/ops/equal.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "gtest/gtest.h"

namespace seedbed {

Dictionary RandomDictionary(const DictionaryShape& shape, bool centers_input) {
  Dictionary dictionary;
  dictionary.architecture = shape.architecture;
  dictionary.k = HasK(shape.architecture) ? 3 : 0;
  dictionary.centers_input = centers_input;
  for (const ExpectedFileTensor& tensor : ExpectedTensors(shape)) {
    const bool threshold = tensor.field.member == &SaeTensors::threshold;
    dictionary.*(tensor.field.member) = threshold ? at::rand(tensor.shape) : at::randn(tensor.shape);
  }
  return dictionary;
}

Dictionary RandomDictionary(const std::string& architecture) { return RandomDictionary({architecture, 6, 4, 4}); }

void ExpectSame(const Dictionary& actual, const Dictionary& expected) {
  EXPECT_EQ(actual.architecture, expected.architecture);
  EXPECT_EQ(actual.k, expected.k);
  EXPECT_EQ(actual.centers_input, expected.centers_input);
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& found = actual.*(field.member);
    const at::Tensor& needed = expected.*(field.member);
    ASSERT_EQ(found.defined(), needed.defined()) << field.name;
    EXPECT_TRUE(!needed.defined() || at::equal(found, needed)) << field.name;
  }
}

}  // namespace seedbed
