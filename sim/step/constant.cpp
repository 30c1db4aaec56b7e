#include "sim/step/constant.h"

#include "sim/core/assert.h"

namespace penstock {
namespace {

class ConstantModel final : public StepModel {
 public:
  explicit ConstantModel(SimTime step) {
    StepCost& cost = decode_.fixed;
    cost.part(Part::overhead) = step.ps;
    cost.resources[static_cast<std::size_t>(Resource::latency)] = step.ps;
    cost.total = step.ps;
    cost.gpu = step.ps;
  }

  StepCost cost(const StepLoad& load) override {
    PENSTOCK_ASSERT(load.decodes > 0 || !load.chunks.empty());
    return decode_.fixed;
  }

  PeakTimes peak_times() const override { return {}; }

 private:
  DecodeCost make_decode(std::int64_t) override { return decode_; }

  DecodeCost decode_;
};

}  // namespace

std::unique_ptr<StepModel> make_constant_model(SimTime step) {
  PENSTOCK_ASSERT(step.ps > 0);
  return std::make_unique<ConstantModel>(step);
}

}  // namespace penstock
