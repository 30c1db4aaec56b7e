#include "sim/step/step_model.h"

#include "sim/core/assert.h"
#include "sim/step/constant.h"
#include "sim/step/roofline.h"
#include "sim/step/speculative.h"

namespace penstock {

const char* to_string(Operator op) {
  switch (op) {
    case Operator::gemm:
      return "gemm";
    case Operator::attention:
      return "attention";
    case Operator::elementwise:
      return "elementwise";
    case Operator::all_reduce:
      return "all_reduce";
    case Operator::head:
      return "head";
    case Operator::sampler:
      return "sampler";
    case Operator::moe:
      return "moe";
    case Operator::all_to_all:
      return "all_to_all";
    case Operator::send:
      return "send";
    case Operator::cpu:
      return "cpu";
  }
  PENSTOCK_ASSERT(false);
}

const char* to_string(Resource resource) {
  switch (resource) {
    case Resource::compute:
      return "compute";
    case Resource::memory:
      return "memory";
    case Resource::communication:
      return "communication";
    case Resource::latency:
      return "latency";
    case Resource::cpu:
      return "cpu";
  }
  PENSTOCK_ASSERT(false);
}

StepCost DecodeCost::cost(std::int64_t n, std::int64_t kv_sum, std::int64_t window_sum) const {
  const std::int64_t context = context_cost(kv_sum, window_sum);
  StepCost out = fixed;
  out.total = total(n, kv_sum, window_sum);
  out.gpu += context;
  out.part(Part::attention) += context;
  out.part(Part::overhead) += out.total - fixed.total - context;
  add_resources(out.resources, 0, context, out.total - fixed.total);
  return out;
}

namespace {

DecodeCost with_shares(DecodeCost decode, std::int64_t n) {
  const StepCost& fixed = decode.fixed;
  const SharedParts amounts{fixed.part(Part::weights) + fixed.part(Part::head_weights),
                            fixed.part(Part::compute) + fixed.part(Part::head_compute),
                            fixed.part(Part::attention), fixed.part(Part::communication),
                            fixed.part(Part::overhead) + fixed.part(Part::head_overhead)};
  decode.remainder = 0;
  for (std::size_t p = 0; p < amounts.size(); ++p) {
    decode.per_sequence[p] = amounts[p] / n;
    decode.remainder += amounts[p] % n;
  }
  return decode;
}

}  // namespace

const DecodeCost& StepModel::new_decode(std::int64_t n) {
  PENSTOCK_ASSERT(n >= 1);
  if (n > step_memo_limit) {
    beyond_memo_ = with_shares(make_decode(n), n);
    return beyond_memo_;
  }
  const auto index = static_cast<std::size_t>(n);
  if (index >= decodes_.size()) {
    decodes_.resize(index + 1);
  }
  decodes_[index] = std::make_unique<const DecodeCost>(with_shares(make_decode(n), n));
  return *decodes_[index];
}

std::unique_ptr<StepModel> make_step_model(const Scenario& scenario) {
  switch (scenario.step_model.kind) {
    case StepModelSpec::Kind::roofline:
      return scenario.engine.speculative.on() ? make_speculative_model(scenario)
                                              : make_roofline_model(scenario);
    case StepModelSpec::Kind::constant:
      return make_constant_model(scenario.step_model.constant);
  }
  PENSTOCK_ASSERT(false);
}

}  // namespace penstock
