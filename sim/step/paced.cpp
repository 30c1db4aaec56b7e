#include "sim/step/paced.h"

#include <utility>

namespace penstock {

namespace {

class PacedModel final : public StepModel {
 public:
  PacedModel(std::unique_ptr<StepModel> model, std::int64_t unit)
      : model_(std::move(model)), unit_(unit) {}

  StepCost cost(const StepLoad& load) override {
    if (load.chunks.empty()) {
      return decode(load.decodes).cost(load.decodes, load.kv_sum, load.window_sum);
    }
    StepLoad in_tokens = load;
    in_tokens.kv_sum /= unit_;
    in_tokens.kv_max /= unit_;
    in_tokens.window_sum /= unit_;
    return model_->cost(in_tokens);
  }
  SharedParts chunks_alone(const StepLoad& load) override { return model_->chunks_alone(load); }
  std::int64_t window() const override { return model_->window(); }
  DraftCost draft_cost(std::int64_t n) override { return model_->draft_cost(n); }
  PeakTimes peak_times() const override { return model_->peak_times(); }

 private:
  std::int64_t per_unit(std::int64_t ps) const { return (ps + unit_ - 1) / unit_; }

  DecodeCost make_decode(std::int64_t n) override {
    DecodeCost out = model_->decode(n);
    out.per_kv = per_unit(out.per_kv);
    out.per_window = per_unit(out.per_window);
    return out;
  }

  std::unique_ptr<StepModel> model_;
  std::int64_t unit_;
};

}  // namespace

std::unique_ptr<StepModel> make_paced_model(std::unique_ptr<StepModel> model, std::int64_t unit) {
  return std::make_unique<PacedModel>(std::move(model), unit);
}

}  // namespace penstock
