#include "tools/explore/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "sim/core/assert.h"

namespace penstock::explore {

double student_t_975(int degrees) {
  static constexpr std::array table{
      12.706204736432095, 4.302652729911275, 3.182446305284263, 2.776445105197792,
      2.570581835636314,  2.446911848791681, 2.364624251592785, 2.306004135204166,
      2.262157162740992,  2.228138851964939, 2.200985160082949, 2.178812829663418,
      2.160368656461013,  2.144786687916925, 2.131449545559323, 2.119905299221011,
      2.109815577833181,  2.100922040240960, 2.093024054408263, 2.085963447265837,
      2.079613844727662,  2.073873067904015, 2.068657610419041, 2.063898561628021,
      2.059538552753294,  2.055529438642871, 2.051830516480283, 2.048407141795244,
      2.045229642132703,  2.042272456301238};
  PENSTOCK_ASSERT(degrees >= 1);
  if (static_cast<std::size_t>(degrees) <= table.size()) {
    return table[static_cast<std::size_t>(degrees) - 1];
  }
  const double z = 1.959963984540054;
  const double n = degrees;
  const double z2 = z * z;
  const double g1 = (z2 + 1) * z / 4;
  const double g2 = ((5 * z2 + 16) * z2 + 3) * z / 96;
  const double g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
  const double g4 = ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160;
  return z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n;
}

Estimate estimate(std::span<const double> values) {
  PENSTOCK_ASSERT(!values.empty());
  const double count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  Estimate result;
  result.mean = sum / count;
  if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end()) {
    return {values.front(), 0};  // also where the sum was rounded
  }
  double squares = 0;
  for (const double value : values) {
    squares += (value - result.mean) * (value - result.mean);
  }
  // A square root is exact by IEEE 754.
  const double error = std::sqrt(squares / (count - 1) / count);
  result.half_width = student_t_975(static_cast<int>(values.size()) - 1) * error;
  return result;
}

}  // namespace penstock::explore
