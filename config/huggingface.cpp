#include "config/huggingface.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "config/text.h"
#include "config/yaml.h"

namespace penstock::config {

namespace {

using Json = nlohmann::ordered_json;

/// A family by its `model_type`, with the defaults of its configuration class in transformers.
struct Family {
  std::string_view model_type;
  bool has_qkv_bias = false;       ///< always, whatever the file says
  std::string_view bias_key = {};  ///< the key that turns biases on
  bool has_qk_norm = false;
  std::int64_t head_dim = 0;        ///< 0 = hidden_size / heads
  std::int64_t sliding_window = 0;  ///< where the file does not say; 0 = none
};

constexpr Family families[] = {
    {.model_type = "llama", .bias_key = "attention_bias"},
    {.model_type = "Yi"},
    {.model_type = "mistral", .sliding_window = 4096},
    {.model_type = "qwen2", .has_qkv_bias = true},
    {.model_type = "qwen3", .bias_key = "attention_bias", .has_qk_norm = true, .head_dim = 128},
    {.model_type = "phi3"},
    {.model_type = "internlm", .bias_key = "bias"},
    {.model_type = "internlm2", .bias_key = "bias"},
};

/// Keys that mean layers of another kind, unless null, false, 0 or absent.
constexpr std::string_view other_kinds[] = {"num_experts",
                                            "num_local_experts",
                                            "n_routed_experts",
                                            "kv_lora_rank",
                                            "q_lora_rank",
                                            "text_config",
                                            "mlp_bias",
                                            "linear_attn_config",
                                            "ssm_cfg",
                                            "attn_layer_period",
                                            "num_nextn_predict_layers"};

Span span_at_byte(const SourcePtr& source, std::size_t offset, long length) {
  const std::string_view text = source->text().substr(0, offset);
  const std::size_t newline = text.rfind('\n');
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  return {source, std::count(text.begin(), text.end(), '\n') + 1,
          count_characters(text.substr(start)) + 1, length};
}

class ConfigReader {
 public:
  ConfigReader(SourcePtr source, Reporter& reporter)
      : source_(std::move(source)), reporter_(reporter) {}

  std::optional<HuggingFaceModel> read(const std::string& name) {
    if (!parse()) {
      return std::nullopt;
    }
    const std::size_t before = reporter_.size();
    const Family* family = find_family();
    if (family == nullptr) {
      return std::nullopt;
    }
    HuggingFaceModel model;
    Architecture& m = model.architecture;
    m.name = json_.contains("_name_or_path") && json_["_name_or_path"].is_string() &&
                     !json_["_name_or_path"].get<std::string>().empty()
                 ? excerpt(json_["_name_or_path"].get<std::string>(), 100)
                 : name;
    m.title = m.name;
    read_shape(*family, m);
    refuse_other_kinds();
    refuse_windows(*family, m);
    read_weights(model);
    return reporter_.size() == before ? std::optional(model) : std::nullopt;
  }

 private:
  /// Where `"key":` stands first; the start of the file if it does not.
  Span key_span(std::string_view key) const {
    const std::string quoted = fmt::format("\"{}\"", key);
    const std::string_view text = source_->text();
    for (std::size_t at = text.find(quoted); at != std::string_view::npos;
         at = text.find(quoted, at + 1)) {
      const std::size_t after = text.find_first_not_of(" \t\r\n", at + quoted.size());
      if (after != std::string_view::npos && text[after] == ':') {
        return span_at_byte(source_, at, count_characters(quoted));
      }
    }
    return {source_, 1, 1, 1};
  }

  bool parse() {
    std::set<std::string> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::key && depth == 1 &&
          !keys.insert(parsed.get<std::string>()).second) {
        const auto key = parsed.get<std::string>();
        reporter_.error(key_span(key), fmt::format("`{}` is given twice", excerpt(key)));
      }
      return true;
    };
    try {
      json_ = Json::parse(source_->text().begin(), source_->text().end(), watch);
    } catch (const Json::parse_error& e) {
      const std::size_t at = std::min(e.byte > 0 ? e.byte - 1 : 0, source_->text().size());
      reporter_.error(span_at_byte(source_, at, 1), "this is not JSON");
      return false;
    } catch (const Json::exception& e) {
      reporter_.error({source_, 1, 1, 1}, fmt::format("cannot read this as JSON: {}", e.what()));
      return false;
    }
    if (!json_.is_object()) {
      reporter_.error({source_, 1, 1, 1}, "this is not the config.json of a model");
      return false;
    }
    return true;
  }

  const Family* find_family() {
    const auto type = json_.find("model_type");
    if (type == json_.end() || !type->is_string()) {
      reporter_.error(key_span("model_type"), "`model_type` is missing",
                      "is this the config.json of a model?");
      return nullptr;
    }
    const auto name = type->get<std::string>();
    std::vector<std::string_view> known;
    for (const Family& family : families) {
      if (family.model_type == name) {
        return &family;
      }
      known.push_back(family.model_type);
    }
    Diagnostic& d = reporter_.infeasible(
        key_span("model_type"), fmt::format("`model_type: {}` is not built yet", excerpt(name)));
    d.notes.push_back("this version reads " + list_of_names(known));
    return nullptr;
  }

  /// True if the key says something: not absent, null, false, 0 or empty.
  bool says(std::string_view key) const {
    const auto at = json_.find(key);
    return at != json_.end() && !at->is_null() && *at != false && *at != 0 && !at->empty();
  }

  std::int64_t whole(std::string_view key, std::int64_t most, std::int64_t otherwise = 0) {
    const auto at = json_.find(key);
    if (at == json_.end() || at->is_null()) {
      if (otherwise == 0) {
        reporter_.error(key_span(key), fmt::format("`{}` is missing", key));
      }
      return otherwise;
    }
    const bool is_whole = at->is_number_unsigned() && at->get<std::uint64_t>() >= 1 &&
                          at->get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
    if (!is_whole) {
      reporter_.error(key_span(key), fmt::format("`{}` must be a whole number from 1 to {}", key,
                                                 group_digits(most)));
      return otherwise;
    }
    return at->get<std::int64_t>();
  }

  bool flag(std::string_view key) {
    const auto at = json_.find(key);
    if (at == json_.end() || at->is_null()) {
      return false;
    }
    if (!at->is_boolean()) {
      reporter_.error(key_span(key), fmt::format("`{}` must be true or false", key));
      return false;
    }
    return at->get<bool>();
  }

  void read_shape(const Family& family, Architecture& m) {
    m.num_hidden_layers = whole("num_hidden_layers", 2000);
    m.hidden_size = whole("hidden_size", 262144);
    m.num_attention_heads = whole("num_attention_heads", 4096);
    m.intermediate_size = whole("intermediate_size", 4194304);
    m.vocab_size = whole("vocab_size", 10000000);
    if (m.num_attention_heads == 0 || m.hidden_size == 0) {
      return;
    }
    m.num_key_value_heads = whole("num_key_value_heads", 4096, m.num_attention_heads);
    const std::int64_t head_dim =
        family.head_dim > 0 ? family.head_dim
                            : std::max<std::int64_t>(1, m.hidden_size / m.num_attention_heads);
    m.head_dim = whole("head_dim", 4096, head_dim);
    m.tie_word_embeddings = flag("tie_word_embeddings");
    m.attention_bias = family.has_qkv_bias || (!family.bias_key.empty() && flag(family.bias_key));
    m.qk_norm = family.has_qk_norm;
    m.max_position_embeddings = longest_context();
    if (m.num_key_value_heads > m.num_attention_heads ||
        m.num_attention_heads % m.num_key_value_heads != 0) {
      reporter_.error(key_span("num_key_value_heads"),
                      "`num_key_value_heads` must divide `num_attention_heads`");
    }
  }

  /// max_position_embeddings, stretched as engines do by rope_scaling of the kinds that they
  /// stretch.
  std::int64_t longest_context() {
    constexpr std::int64_t most = 10000000;
    const std::int64_t base = whole("max_position_embeddings", most);
    const auto scaling = json_.find("rope_scaling");
    if (scaling == json_.end() || !scaling->is_object()) {
      return base;
    }
    const Json type = scaling->value("rope_type", scaling->value("type", Json()));
    const Json factor = scaling->value("factor", Json());
    const bool stretches = type == "linear" || type == "dynamic" || type == "yarn";
    if (!stretches || !factor.is_number() || !(factor.get<double>() >= 1)) {
      return base;
    }
    const Json original = scaling->value("original_max_position_embeddings", Json());
    const double from = type == "yarn" && original.is_number_unsigned() ? original.get<double>()
                                                                        : static_cast<double>(base);
    return static_cast<std::int64_t>(
        std::min(from * factor.get<double>(), static_cast<double>(most)));
  }

  void refuse(std::string_view key, std::string_view why) {
    Diagnostic& d = reporter_.infeasible(key_span(key), fmt::format("`{}` is not understood", key));
    d.notes.emplace_back(why);
  }

  void refuse_other_kinds() {
    for (const std::string_view key : other_kinds) {
      if (says(key)) {
        refuse(key, "this version models dense decoders with full attention");
      }
    }
    if (const auto types = json_.find("layer_types"); types != json_.end() && types->is_array()) {
      if (std::any_of(types->begin(), types->end(),
                      [](const Json& type) { return type != "full_attention"; })) {
        refuse("layer_types", "this version models full attention in all layers");
      }
    }
  }

  void refuse_windows(const Family& family, const Architecture& m) {
    constexpr std::string_view why = "this version models full attention, not a sliding window";
    if (family.model_type.starts_with("qwen")) {
      if (says("use_sliding_window")) {
        refuse("use_sliding_window", why);
      }
      return;  // without it the window has no effect
    }
    const auto window = json_.find("sliding_window");
    if (window == json_.end()) {
      if (family.sliding_window > 0 && family.sliding_window < m.max_position_embeddings) {
        Diagnostic& d = reporter_.infeasible(key_span("model_type"), "`sliding_window` is missing");
        d.notes.push_back(fmt::format("the default of `{}` is {}: write `null` for full attention",
                                      family.model_type, family.sliding_window));
      }
    } else if (!window->is_null() &&
               !(window->is_number() &&
                 window->get<double>() >= static_cast<double>(m.max_position_embeddings))) {
      refuse("sliding_window", why);
    }
  }

  void read_weights(HuggingFaceModel& model) {
    if (says("quantization_config")) {
      model.weights_span = key_span("quantization_config");
      const Json& quantization = json_["quantization_config"];
      if (quantization.is_object() && quantization.value("quant_method", Json()) == "fp8") {
        model.weights = Dtype::fp8;
      } else if (quantization.is_object() &&
                 quantization.value("quant_method", Json()) == "mxfp4") {
        model.weights = Dtype::mxfp4;
      }
      return;
    }
    model.weights = Dtype::bf16;  // 16 bits of either kind; engines round 32 bits down to them
    for (const std::string_view key : {"torch_dtype", "dtype"}) {
      if (!says(key) || !json_.find(key)->is_string()) {
        continue;
      }
      const auto dtype = json_.find(key)->get<std::string>();
      if (dtype.starts_with("float8")) {
        model.weights = Dtype::fp8;
        model.weights_span = key_span(key);
      } else if (dtype == "float32" || dtype == "float64") {
        model.rounded_from = dtype;
      }
    }
  }

  SourcePtr source_;
  Reporter& reporter_;
  Json json_;
};

}  // namespace

std::optional<HuggingFaceModel> parse_huggingface(const SourcePtr& source, const std::string& name,
                                                  Reporter& reporter) {
  try {
    return ConfigReader(source, reporter).read(name);
  } catch (const std::exception& e) {  // a key of a kind that nobody thought of
    reporter.error({source, 1, 1, 1}, fmt::format("cannot read this config.json: {}", e.what()));
    return std::nullopt;
  }
}

std::optional<HuggingFaceModel> read_huggingface(const std::string& path, const Span& span,
                                                 Reporter& reporter) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && std::filesystem::is_other(path, error)) {
    reporter.error(span, fmt::format("`{}` is not a file", path));
    return std::nullopt;
  }
  const SourcePtr source = read_source(path, path, span, reporter);
  if (!source) {
    return std::nullopt;
  }
  const std::filesystem::path file(path);
  const std::string folder = file.parent_path().filename().string();
  return parse_huggingface(
      source, folder.empty() || folder == "." ? file.filename().string() : folder, reporter);
}

}  // namespace penstock::config
