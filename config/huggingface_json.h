#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"
#include "config/yaml.h"

namespace penstock::config {

/// A config.json with the positions of its keys, and which of them have been read.
class ConfigJson {
 public:
  using Json = nlohmann::ordered_json;
  using Keys = std::initializer_list<std::string_view>;

  ConfigJson(SourcePtr source, Reporter& reporter)
      : source_(std::move(source)), reporter_(reporter) {}

  /// False, with a report, if it is not a JSON object. A `text_config` within is what is read from
  /// then on; keys that it lacks are looked for around it.
  bool parse();
  /// The keys of an object within, if it is there, are read as if they stood beside it.
  void unfold(std::string_view key);
  bool has_text_config() const { return outer_.is_object(); }

  /// Its value, without counting as read; null if it is not there.
  const Json* peek(std::string_view key) const {
    const auto at = json_.find(key);
    return at == json_.end() ? nullptr : &*at;
  }
  /// True if the key is there, whatever it holds.
  bool has(std::string_view key) const {
    return json_.contains(key) || (outer_.is_object() && outer_.contains(key));
  }
  /// Where `"key":` stands first; the start of the file if it does not.
  Span span(std::string_view key) const;
  /// The value of the first of `keys` that is there and not null, and which one that is; null if
  /// none is. They count as read.
  const Json* find(Keys keys, std::string_view* found = nullptr);
  /// The same for one key, looked for around the text model first.
  const Json* find_outer(std::string_view key);
  /// True if the key says something: not absent, null, false, 0 or empty. Counts as read.
  bool says(std::string_view key);
  /// A whole number from 1 to `most`; without one, `otherwise`, or an error if that is 0.
  std::int64_t whole(Keys keys, std::int64_t most, std::int64_t otherwise = 0);
  bool flag(std::string_view key, bool otherwise = false);
  std::string text(std::string_view key);

  /// Reports that a key means something that is not modelled.
  void refuse(std::string_view key, std::string_view why);
  /// The keys of the model that say something and were not read.
  std::vector<std::string> unread() const;

  Reporter& reporter() { return reporter_; }

 private:
  SourcePtr source_;
  Reporter& reporter_;
  Json json_;
  Json outer_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace penstock::config
