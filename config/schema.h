#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/quantity.h"
#include "config/yaml.h"

namespace penstock::config {

/// What a single value must be.
enum class Scalar { none, text, boolean, whole, number, choice, seed };

/// One key of a file: what it may hold, and what it means. A table of these is the whole grammar of
/// a file: it drives checking, hints, and the documentation.
struct Key {
  /// Dotted; `x[]` is an item of the list x, `x.*` any key of the map x.
  std::string_view path;
  std::string_view doc = {};     ///< one line
  Scalar scalar = Scalar::none;  ///< what a single value must be
  bool map = false;              ///< may be a map
  bool list = false;             ///< may be a list
  bool any = false;              ///< not looked into
  bool required = false;
  /// May be drawn too: {uniform: [a, b]}, {lognormal: {mean, p95}} or {quantiles: {p50: ...}}. The
  /// schema has rows for them, with this row's unit and limits.
  bool distribution = false;
  Unit unit = Unit::count;  ///< of a number
  double min = 0;           ///< lowest whole or number, in Unit's unit
  double max = 0;
  bool above_min = false;               ///< min itself is not allowed
  std::string_view choices = {};        ///< "a|b|c"
  std::string_view later_choices = {};  ///< known, but not built in this version
  std::string_view by_default = {};     ///< as documented
  /// Not empty: known, but not built in this version; says what there is instead.
  std::string_view later = {};
  /// Not empty: what to do, beside giving it, where a required key is missing.
  std::string_view or_else = {};
};

using Schema = std::span<const Key>;

/// Every key of a workload file.
Schema workload_schema();

/// The keys of the files of the catalogue.
Schema gpu_schema();
Schema model_schema();
Schema closed_model_schema();
Schema system_schema();
Schema engine_schema();
Schema price_schema();
Schema profile_schema();
Schema list_price_schema();

/// The row of the key `name` in the map at `prefix` ("" = top level), or null.
const Key* find_key(Schema schema, std::string_view prefix, std::string_view name);

/// Names of the keys of the map at `prefix`, in the order of the table.
std::vector<std::string_view> keys_of(Schema schema, std::string_view prefix);

/// "a.b" + "c" -> "a.b.c".
std::string join_path(std::string_view prefix, std::string_view name);

/// Reports everything in `root` that the schema does not allow: wrong kinds, units and ranges,
/// unknown, missing and not yet built keys. What is reported once is not found by Section again.
void check_schema(const Node& root, Schema schema, Reporter& reporter);

/// True if check_schema has nothing to say about these top-level keys of `root`.
bool are_valid(const Node& root, Schema schema, std::span<const std::string_view> keys);

}  // namespace penstock::config
