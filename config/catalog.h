#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/list_price.h"
#include "config/report.h"
#include "config/section.h"
#include "config/yaml.h"
#include "sim/hardware/accelerator.h"
#include "sim/model/architecture.h"
#include "sim/scenario.h"

namespace penstock::config {

enum class CatalogKind {
  gpus,
  models,
  engines,
  prices,
  profiles,
  list_prices,
  systems,
  closed_models,  ///< whose architecture nobody has published
};

/// The folder of a kind, and what one item is called: "gpus", "GPU".
std::string_view to_string(CatalogKind kind);
std::string_view noun(CatalogKind kind);

/// How an engine turns memory into KV blocks (step-model.md §5).
enum class MemoryRule { vllm, tensorrt_llm, sglang };

/// A file of catalog/engines: one engine at one version.
struct EnginePreset {
  struct Limits {
    std::int64_t max_num_batched_tokens = 0;
    std::int64_t max_num_seqs = 0;
  };
  EngineSpec spec;  ///< without the limits, which depend on the GPU
  Limits large;     ///< GPUs of 70 GiB and more that are not an A100
  Limits other;
  bool pads_to_cuda_graphs = false;
  MemoryRule memory_rule = MemoryRule::vllm;
  double kv_reserve_bytes = 0;  ///< tensorrt_llm
  std::string title;
};

/// What a file of catalog/systems says of the network.
struct ServerFacts {
  int gpus = 8;
  double network_gb_s = 0;  ///< one GPU's share of all cards, one direction; 0 = not stated
};

/// A file of catalog/prices: what one GPU costs on the market.
struct GpuPrice {
  double usd_per_hour = 0;
  double low = 0;
  double high = 0;
  std::string currency = "USD";
  std::string source;
  std::string date;
  std::size_t offers = 0;
  std::optional<OwnedSpec> owned;  ///< in `currency`
};

/// A file of workloads/profiles: measured lengths, and arrivals like those measured.
struct LengthProfile {
  LengthSpec input;
  LengthSpec output;
  double rank_correlation = 0;  ///< of input and output; 0 too where it is not known
  std::optional<ArrivalSpec> arrivals;
  std::string title;
};

/// The facts that Penstock knows: those built in, and over them those of the user's folder. A file
/// is parsed when it is asked for.
class Catalog {
 public:
  struct Entry {
    CatalogKind kind = CatalogKind::gpus;
    std::string name;
    std::string title;
    std::vector<std::string> aliases;
    std::string path;  ///< as shown in diagnostics
    bool is_users = false;
  };

  /// `folder` holds the subfolders gpus, models, engines, prices, profiles, list-prices, systems,
  /// as far as there are any; "" = none. What is wrong with it goes to `reporter`.
  Catalog(std::string folder, Reporter& reporter);

  /// All items of a kind, by name.
  std::vector<Entry> list(CatalogKind kind) const;
  /// By name or alias; case, blanks and underscores do not matter. Null if there is none.
  const Entry* find(CatalogKind kind, std::string_view name) const;
  /// The name in the catalogue; one that is not there is reported at `span`.
  std::optional<std::string> resolve(CatalogKind kind, std::string_view name, const Span& span,
                                     Reporter& reporter) const;
  /// The text of an item's file.
  std::string_view text(const Entry& entry) const;

  /// Each finds an item and reads its file. One that is not there, or wrong, is reported (there: at
  /// `span`) and nothing is returned.
  std::optional<Accelerator> gpu(std::string_view name, const Span& span, Reporter& reporter) const;
  std::optional<Architecture> model(std::string_view name, const Span& span,
                                    Reporter& reporter) const;
  /// The same from a file of the user's, of the catalogue's form, named at `span`.
  static std::optional<Accelerator> gpu_file(const std::string& path, const Span& span,
                                             Reporter& reporter);
  static std::optional<Architecture> model_file(const std::string& path, const Span& span,
                                                Reporter& reporter);
  std::optional<EnginePreset> engine(std::string_view name, const Span& span,
                                     Reporter& reporter) const;
  std::optional<LengthProfile> profile(std::string_view name, const Span& span,
                                       Reporter& reporter) const;
  /// The first server, or rack, with this GPU, one that states its network if there is; nothing,
  /// without a report, where there is none.
  std::optional<ServerFacts> server_of(std::string_view gpu_name, Reporter& reporter) const;
  /// Nothing, without a report, where no price is known.
  std::optional<GpuPrice> price(std::string_view gpu_name, Reporter& reporter) const;
  std::optional<ListPrice> list_price(std::string_view name, const Span& span,
                                      Reporter& reporter) const;

 private:
  struct Stored {
    Entry entry;
    SourcePtr source;       ///< the user's: read already
    std::string_view text;  ///< built in
  };
  void add_embedded();
  void add_folder(const std::string& folder, Reporter& reporter);
  void add_file(CatalogKind kind, const std::string& path, Reporter& reporter);
  const Stored* find_stored(CatalogKind kind, std::string_view name) const;
  const Stored* find_or_report(CatalogKind kind, std::string_view name, const Span& span,
                               Reporter& reporter) const;
  std::optional<Node> parse(const Stored& stored, Reporter& reporter) const;

  std::vector<Stored> items_;  ///< the user's first
};

/// True for the path of a file of the catalogue's form, rather than the name of an item.
bool is_catalog_file(std::string_view name);
/// What a file of the catalogue's form describes, by its top-level keys; nothing for other files.
std::optional<CatalogKind> kind_of_file(const Node& root);
/// Everything that can be wrong with a file of this kind.
void check_file(const Node& root, CatalogKind kind, Reporter& reporter);

/// Reports peaks and a memory bandwidth of `timing` that are faster than the same file's datasheet;
/// 2 % are taken as rounding. `file` is a checked GPU file.
void check_gpu(const Section& file, Reporter& reporter);

/// Reports what does not go together in a model file.
void check_model(const Section& file, Reporter& reporter);

/// Readers of checked files. `name` falls back on that of the entry.
Accelerator read_gpu(const Section& file);
Architecture read_model(const Section& file);
EnginePreset read_engine(const Section& file);
GpuPrice read_price(const Section& file);
ListPrice read_list_price(const Section& file);
std::optional<LengthProfile> read_profile(const Section& file, Reporter& reporter);

/// The dtype of this name, or nothing.
std::optional<Dtype> parse_dtype(std::string_view name);

}  // namespace penstock::config
