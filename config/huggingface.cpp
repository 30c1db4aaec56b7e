#include "config/huggingface.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/huggingface_family.h"
#include "config/huggingface_weights.h"
#include "config/text.h"
#include "config/yaml.h"

namespace penstock::config {

namespace {

using Json = ConfigJson::Json;

/// Parts of the names of keys that change layers: one that nobody has read is not passed over.
constexpr std::string_view layer_words[] = {
    "expert",     "lora",      "latent",    "layer_types", "linear",   "ssm",    "mamba",
    "window",     "chunk",     "index_",    "compress",    "mlp_bias", "sparse", "hybrid",
    "attn_layer", "per_layer", "kv_shared", "altup",       "laurel"};
/// Keys with such words that change no shape.
constexpr std::string_view harmless[] = {"moe_layer_freq",
                                         "mamba_ssm_cache_dtype",
                                         "mamba_ssm_dtype",
                                         "mamba_chunk_size",
                                         "mamba_conv_bias",
                                         "moe_router_enable_expert_bias",
                                         "mamba_hidden_act",
                                         "mamba_norm_before_gate",
                                         "mamba_rms_norm",
                                         "ssm_in_multiplier",
                                         "ssm_multipliers",
                                         "ssm_out_multiplier",
                                         "mla_scale_kv_lora",
                                         "mla_scale_q_lora",
                                         "mamba_proj_bias",
                                         "use_mamba_kernels",
                                         "num_experts_per_tok",
                                         "max_window_layers",
                                         "router_aux_loss_coef",
                                         "mamba_expand",
                                         "chunk_size",
                                         "layernorm_linear_attention_beta",
                                         "layernorm_linear_attention_alpha",
                                         "linear_attn_alpha_factor",
                                         "linear_attn_beta_factor",
                                         "dual_chunk_attention_config",
                                         "expert_dtype",
                                         "latent_moe_use_norm",
                                         "compress_rope_theta",
                                         "num_expert_group",
                                         "moe_shared_expert_overlap",
                                         "experts_per_token",
                                         "sliding_window_pattern",
                                         "ssm_cfg_dtype",
                                         "linear_attn_dtype",
                                         "expert_capacity_factor",
                                         "hidden_size_per_layer_input",
                                         "vocab_size_per_layer_input"};

class ConfigReader {
 public:
  ConfigReader(const SourcePtr& source, Reporter& reporter)
      : json_(source, reporter), reporter_(reporter) {}

  std::optional<HuggingFaceModel> read(const std::string& name) {
    const std::size_t at_first = reporter_.size();
    if (!json_.parse()) {
      return std::nullopt;
    }
    const std::size_t before = reporter_.size();
    const Family* family = read_family();
    if (family == nullptr) {
      return std::nullopt;
    }
    if (family->model_type == "dbrx" || family->model_type == "mpt") {
      json_.unfold("attn_config");
      json_.unfold("ffn_config");
    }
    HuggingFaceModel model;
    Architecture& m = model.architecture;
    const std::string own = json_.text("_name_or_path");
    m.name = own.empty() ? name : excerpt(own, 100);
    m.title = m.name;
    read_shape(*family, m);
    if (reporter_.size() == before) {
      read_mixers(json_, *family, m);
      read_experts(json_, *family, m);
      read_exceptions(*family, m);
      refuse_unread();
    }
    read_weights(model);
    if (model.weights == Dtype::mxfp4 && family->model_type == "gpt_oss") {
      m.dense_weights = Dtype::bf16;  // only the experts are quantised
    }
    if (json_.text("expert_dtype") == "fp4") {  // DeepSeek-V4
      m.dense_weights = model.weights;
      model.weights = Dtype::mxfp4;
    }
    return reporter_.size() == at_first ? std::optional(model) : std::nullopt;
  }

 private:
  const Family* read_family() {
    const std::string name = json_.text("model_type");
    if (name.empty()) {
      reporter_.error(
          json_.span("model_type"),
          json_.says("model_type") ? "`model_type` must be a string" : "`model_type` is missing",
          "is this the config.json of a model?");
      return nullptr;
    }
    if (const Family* family = find_family(name)) {
      return family;
    }
    Diagnostic& d = reporter_.infeasible(
        json_.span("model_type"), fmt::format("`model_type: {}` is not built yet", excerpt(name)));
    d.notes.push_back(fmt::format("docs/models.md names the {} families that this version reads",
                                  family_names().size()));
    d.notes.emplace_back(
        "any model can be described in a file like the catalogue's: docs/models.md");
    return nullptr;
  }

  void read_shape(const Family& family, Architecture& m) {
    m.num_hidden_layers =
        json_.whole({"num_hidden_layers", "n_layer", "num_layers", "n_layers"}, 2000);
    m.hidden_size = json_.whole({"hidden_size", "n_embed", "n_embd", "d_model"}, 262144);
    m.num_attention_heads =
        json_.whole({"num_attention_heads", "n_head", "n_heads"}, 4096, family.heads);
    m.intermediate_size =
        json_.whole({"intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner", "block_ff_dim"},
                    4194304, family.mlp_multiple * m.hidden_size);
    m.vocab_size = json_.whole({"vocab_size", "padded_vocab_size"}, 10000000, family.vocab_size);
    if (m.num_attention_heads == 0 || m.hidden_size == 0) {
      return;
    }
    m.num_key_value_heads =
        json_.whole({"num_key_value_heads", "num_kv_heads", "multi_query_group_num", "kv_n_heads"},
                    4096, family.kv_heads > 0 ? family.kv_heads : m.num_attention_heads);
    const std::int64_t head_dim =
        family.head_dim > 0 ? family.head_dim
                            : std::max<std::int64_t>(1, m.hidden_size / m.num_attention_heads);
    m.head_dim = json_.whole({"head_dim", "attention_head_dim", "kv_channels"}, 4096, head_dim);
    m.tie_word_embeddings =
        json_.flag("tie_word_embeddings", json_.flag("tie_embedding", family.is_tied));
    read_biases(family, m);
    m.qk_norm = family.qk_norm_key.empty() ? family.has_qk_norm : json_.flag(family.qk_norm_key);
    m.qk_norm_full_width = m.qk_norm && family.is_qk_norm_wide;
    m.gated_mlp = family.is_gated;
    m.norm_bias = family.has_norm_bias;
    m.norms_per_layer = family.norms_per_layer;
    m.max_position_embeddings = longest_context(family);
    if (m.num_key_value_heads > m.num_attention_heads ||
        m.num_attention_heads % std::max<std::int64_t>(1, m.num_key_value_heads) != 0) {
      reporter_.error(json_.span("num_key_value_heads"),
                      "`num_key_value_heads` must divide `num_attention_heads`");
    }
  }

  void read_biases(const Family& family, Architecture& m) {
    m.attention_bias =
        family.bias_key.empty() ? family.has_bias : json_.flag(family.bias_key, family.has_bias);
    m.attention_output_bias = m.attention_bias && family.biases != Family::Biases::qkv;
    m.mlp_bias =
        (m.attention_bias && family.biases == Family::Biases::all) || json_.says("mlp_bias");
  }

  /// What a family has of its own.
  void read_exceptions(const Family& family, Architecture& m) {
    const std::string_view type = family.model_type;
    if (type == "gpt_oss") {
      m.attention_sinks = true;
    } else if (type == "opt") {
      m.position_embeddings = m.max_position_embeddings + 2;
      if (json_.whole({"word_embed_proj_dim"}, 262144, m.hidden_size) != m.hidden_size) {
        json_.refuse("word_embed_proj_dim", "embeddings are as wide as the hidden state here");
      }
    } else if (type == "gpt2") {
      m.position_embeddings = m.max_position_embeddings;
    } else if (type == "gptj") {
      m.mlp_bias = true;
    } else if (type == "mpt") {
      read_mpt(m);
    } else if (type == "bloom") {
      m.extra_norms = 1;
    } else if (type == "falcon") {
      const bool is_new = json_.flag("new_decoder_architecture");
      if (!is_new && json_.flag("multi_query", true)) {
        m.num_key_value_heads = 1;
      }
      m.norms_per_layer = is_new || !json_.flag("parallel_attn", true) ? 2 : 1;
    }
    if (type == "mistral" && json_.find({"sliding_window"}) == nullptr &&
        !names("sliding_window") && 4096 < m.max_position_embeddings) {
      Diagnostic& d = reporter_.infeasible(json_.span("model_type"), "`sliding_window` is missing");
      d.notes.push_back(fmt::format("the default of `{}` is {}: write `null` for full attention",
                                    type, family.sliding_window));
    }
  }

  void read_mpt(Architecture& m) {
    if (json_.text("attn_type") == "multiquery_attention") {
      m.num_key_value_heads = 1;
    }
    m.intermediate_size = json_.whole({"expansion_ratio"}, 64, 4) * m.hidden_size;
    m.attention_bias = m.attention_output_bias = m.mlp_bias = !json_.flag("no_bias", true);
    m.norm_bias = m.mlp_bias;
    m.qk_norm = json_.flag("qk_ln");
    m.qk_norm_full_width = m.qk_norm;
    m.position_embeddings =
        json_.flag("learned_pos_emb", true) && !json_.says("alibi") ? m.max_position_embeddings : 0;
  }

  /// True if the key is there, whatever it holds.
  bool names(std::string_view key) const { return json_.has(key); }

  /// max_position_embeddings, or Cohere's model_max_length, stretched as engines do by rope_scaling
  /// of the kinds that they stretch.
  std::int64_t longest_context(const Family& family) {
    constexpr std::int64_t most = 100'000'000;
    const bool is_cohere = json_.says("model_max_length");
    const std::int64_t base =
        is_cohere
            ? json_.whole({"model_max_length"}, most)
            : json_.whole({"max_position_embeddings", "seq_length", "n_positions", "max_seq_len"},
                          most, family.positions);
    const Json* scaling = json_.find({"rope_scaling", "rope_parameters"});
    if (scaling == nullptr || !scaling->is_object() || family.are_positions_scaled) {
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

  void refuse_unread() {
    if (json_.says("num_nextn_predict_layers")) {
      reporter_.note("multi-token prediction layers (`num_nextn_predict_layers`) are left out");
    }
    if (json_.has_text_config()) {
      reporter_.note("only the text model (`text_config`) is modelled");
    }
    for (const std::string& key : json_.unread()) {
      const bool is_harmless =
          std::find(std::begin(harmless), std::end(harmless), key) != std::end(harmless);
      const bool is_of_layers =
          std::any_of(std::begin(layer_words), std::end(layer_words),
                      [&](std::string_view word) { return key.find(word) != std::string::npos; });
      if (is_of_layers && !is_harmless) {
        json_.refuse(key, "it may change the layers, and this family is not known to have it");
      }
    }
  }

  void read_weights(HuggingFaceModel& model) {
    // Engines take the outer one of two (Kimi-K2.5's NVFP4).
    if (const Json* quantization = json_.find_outer("quantization_config");
        quantization != nullptr && !quantization->empty()) {
      model.weights_span = json_.span("quantization_config");
      read_quantization(*quantization, model);
      model.quantization = quantization->is_object()
                               ? excerpt(quantization->value("quant_method", Json()).dump(), 40)
                               : "";
      return;
    }
    model.weights = Dtype::bf16;  // 16 bits of either kind; engines round 32 bits down to them
    for (const std::string_view key : {"torch_dtype", "dtype"}) {
      const std::string dtype = json_.text(key);
      if (dtype.starts_with("float8")) {
        model.weights = Dtype::fp8;
        model.weights_span = json_.span(key);
      } else if (dtype == "float32" || dtype == "float64") {
        model.rounded_from = dtype;
      } else if (json_.says(key) && dtype != "bfloat16" && dtype != "float16" && dtype != "auto") {
        reporter_.error(json_.span(key), fmt::format("`{}` is no type of weights", key),
                        "such as \"bfloat16\"");
      }
    }
  }

  ConfigJson json_;
  Reporter& reporter_;
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
  const bool says_more = file.filename() != "config.json" || folder.empty() || folder == ".";
  auto model = parse_huggingface(source, says_more ? file.stem().string() : folder, reporter);
  const std::filesystem::path beside = file.parent_path() / "hf_quant_config.json";
  if (model && model->quantization.empty() && std::filesystem::is_regular_file(beside, error)) {
    read_quantization_file(beside.string(), span, *model, reporter);
  }
  return model;
}

}  // namespace penstock::config
