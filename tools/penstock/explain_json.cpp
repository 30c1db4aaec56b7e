#include <nlohmann/json.hpp>

#include "tools/output/json_text.h"
#include "tools/penstock/explain_facts.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;

Json maybe(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json memory_json(const ExplainFacts& f) {
  const config::MemoryPlan& m = *f.memory;
  Json json{{"total_bytes", m.total_bytes},
            {"gpu_memory_utilization", m.utilization},
            {"usable_bytes", m.usable_bytes},
            {"weight_bytes", m.weight_bytes},
            {"reserve_bytes", m.reserve_bytes},
            {"kv_bytes", m.kv_bytes},
            {"kv_bytes_per_token", m.bytes_per_token},
            {"block_size", m.block_size},
            {"blocks", m.usable_blocks},
            {"tokens", m.tokens},
            {"longest_context", std::min(m.tokens, f.scenario->engine.max_model_len)},
            {"largest_batch", f.saturation ? Json(f.saturation->kv_sequences) : Json(nullptr)}};
  for (const config::StageMemory& stage : m.stages) {
    json["stages"].push_back({{"layers", stage.layers},
                              {"weight_bytes", stage.weight_bytes},
                              {"kv_bytes", stage.kv_bytes},
                              {"kv_bytes_per_token", stage.bytes_per_token},
                              {"blocks", stage.blocks}});
  }
  if (m.per_sequence.any()) {
    json["kv_window"] = m.window;
    json["window_bytes_per_token"] = m.window_bytes_per_token;
    json["state_bytes_per_sequence"] = m.state_bytes;
  }
  return json;
}

Json phase_json(const RooflinePhases& r, const PhaseRoofline& phase) {
  return {{"tokens", phase.tokens},
          {"kv_tokens", phase.kv_tokens},
          {"flop", phase.flop},
          {"bytes", phase.bytes},
          {"intensity_flop_per_byte", phase.intensity()},
          {"ridge_flop_per_byte", r.ridge()},
          {"step_ms", phase.step_ms},
          {"bound", to_string(phase.bound)}};
}

Json roofline_json(const ExplainFacts& f) {
  if (!f.roofline) {
    return nullptr;
  }
  const RooflinePhases& r = *f.roofline;
  return {{"peak_tflops", r.peak_tflops},
          {"memory_gb_s", r.memory_gb_s},
          {"ridge_flop_per_byte", r.ridge()},
          {"prefill", phase_json(r, r.prefill)},
          {"decode", phase_json(r, r.decode)},
          {"gemm_compute_bound_from_batch", maybe(r.gemm_compute_from)},
          {"decode_compute_bound_from_batch", maybe(r.decode_compute_from)}};
}

Json prices(const ExplainFacts& f, const Saturation& s) {
  return {{"requests_per_s", s.requests_per_s},
          {"input_tokens_per_s", s.input_tokens_per_s},
          {"output_tokens_per_s", s.output_tokens_per_s},
          {"step_ms", s.step_ms},
          {"sequences", s.sequences},
          {"input_usd_per_million", per_million(*f.scenario, s.input_ps)},
          {"output_usd_per_million", per_million(*f.scenario, s.output_ps)}};
}

Json saturation_json(const ExplainFacts& f) {
  if (!f.saturation) {
    return nullptr;
  }
  const Saturation& s = *f.saturation;
  Json section{{"limit", to_string(s.limit)},          {"kv_sequences", s.kv_sequences},
               {"input_tokens_mean", f.means.input},   {"cached_tokens_mean", f.means.cached},
               {"output_tokens_mean", f.means.output}, {"context_mean", f.means.context()},
               {"decodes_a_step", s.decodes},          {"prompt_tokens_a_step", s.prompt_tokens},
               {"requests_a_step", s.requests_a_step}};
  if (const SpeculativeSpec& drafts = f.scenario->engine.speculative; drafts.on()) {
    section["tokens_per_step"] = drafts.mean_tokens();
  }
  section.update(prices(f, s));
  section["by_batch"] = Json::array();
  for (const BatchRow& row : f.batches) {
    Json entry{{"batch", row.batch}};
    entry.update(prices(f, row.state));
    section["by_batch"].push_back(std::move(entry));
  }
  section["by_load"] = Json::array();
  for (const LoadRow& row : f.loads) {
    Json entry{{"load", row.load}};
    entry.update(prices(f, row.state));
    section["by_load"].push_back(std::move(entry));
  }
  section["by_context"] = Json::array();
  for (const ContextRow& row : f.contexts) {
    Json entry{{"input_tokens", row.input}};
    entry.update(prices(f, row.state));
    section["by_context"].push_back(std::move(entry));
  }
  return section;
}

Json position_json(const ExplainFacts& f) {
  Json list = Json::array();
  if (f.position) {
    for (const std::int64_t context : position_contexts) {
      const auto at = static_cast<double>(context);
      list.push_back(
          {{"context", context},
           {"input_usd_per_million", per_million(*f.scenario, f.position->input_ps(at))},
           {"output_usd_per_million", per_million(*f.scenario, f.position->output_ps(at))}});
    }
  }
  return list;
}

}  // namespace

std::string explain_json(const ExplainFacts& f) {
  Json reasons = Json::object();
  if (!f.saturation) {
    reasons["saturation"] = "no request of the workload can be served, or steps take no time";
    reasons["break_even_hit_rate"] = reasons["saturation"];
  } else if (!f.break_even || !f.break_even->hit_rate) {
    reasons["break_even_hit_rate"] = "no hit rate makes up for half of the KV pool";
  }
  if (!f.roofline) {
    reasons["roofline"] = "the constant step model knows no hardware";
  }
  Json ratios = Json::array();
  for (const RatioRow& row : f.ratios) {
    Json entry{{"input_output_ratio", row.ratio},
               {"input_tokens", row.input},
               {"output_tokens", row.output}};
    entry.update(prices(f, row.state));
    ratios.push_back(std::move(entry));
  }
  const PriceSpec& price = f.scenario->prices;
  const bool known = f.break_even && f.break_even->hit_rate;
  return output::to_text(Json{
      {"memory", memory_json(f)},
      {"roofline", roofline_json(f)},
      {"saturation", saturation_json(f)},
      {"position", position_json(f)},
      {"position_quadratic_from", f.position ? Json(f.position->quadratic_from()) : Json(nullptr)},
      {"ratio", std::move(ratios)},
      {"break_even_hit_rate", known ? Json(*f.break_even->hit_rate) : Json(nullptr)},
      {"sources",
       {{"currency", price.currency},
        {"gpu_per_hour", price.gpu_per_hour},
        {"price", price.source},
        {"step_model_fit", f.scenario->cluster.gpu.timing.fit}}},
      {"reasons", std::move(reasons)}});
}

}  // namespace penstock::cli
