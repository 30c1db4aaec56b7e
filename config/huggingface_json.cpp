#include "config/huggingface_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/text.h"

namespace penstock::config {

namespace {

Span span_at_byte(const SourcePtr& source, std::size_t offset, long length) {
  const std::string_view text = source->text().substr(0, offset);
  const std::size_t newline = text.rfind('\n');
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  return {source, std::count(text.begin(), text.end(), '\n') + 1,
          count_characters(text.substr(start)) + 1, length};
}

bool says_something(const ConfigJson::Json& value) {
  return !value.is_null() && value != false && value != 0 && !value.empty();
}

/// Numbers by layer, none different (Hunyuan).
bool is_all_the_same(const ConfigJson::Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(),
                     [&](const ConfigJson::Json& one) { return one == value.front(); });
}

/// The text with null, as long, for the Infinity that Python writes (Nemotron-H).
std::string without_infinities(std::string_view text) {
  std::string out(text);
  bool is_string = false;
  for (std::size_t at = 0; at < out.size(); ++at) {
    if (is_string && out[at] == '\\') {
      ++at;
    } else if (out[at] == '"') {
      is_string = !is_string;
    } else if (!is_string) {
      for (const std::string_view name : {"-Infinity", "Infinity"}) {
        if (std::string_view(out).substr(at, name.size()) == name) {
          out.replace(at, name.size(), std::string("null").append(name.size() - 4, ' '));
        }
      }
    }
  }
  return out;
}

}  // namespace

Span ConfigJson::span(std::string_view key) const {
  const std::string quoted = fmt::format("\"{}\"", key);
  const std::string_view text = source_->text();
  const bool is_inner = has_text_config() && json_.contains(key);
  const std::size_t start = is_inner ? text.find("\"text_config\"") : 0;
  for (std::size_t at = text.find(quoted, start); at != std::string_view::npos;
       at = text.find(quoted, at + 1)) {
    const std::size_t after = text.find_first_not_of(" \t\r\n", at + quoted.size());
    if (after != std::string_view::npos && text[after] == ':') {
      return span_at_byte(source_, at, count_characters(quoted));
    }
  }
  return {source_, 1, 1, 1};
}

bool ConfigJson::parse() {
  std::set<std::string> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !keys.insert(parsed.get<std::string>()).second) {
      const auto key = parsed.get<std::string>();
      reporter_.error(span(key), fmt::format("`{}` is given twice", excerpt(key)));
    }
    return true;
  };
  try {
    const std::string text = without_infinities(source_->text());
    json_ = Json::parse(text.begin(), text.end(), watch);
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
  if (const auto inner = json_.find("text_config"); inner != json_.end() && inner->is_object()) {
    Json text = *inner;
    outer_ = std::move(json_);
    json_ = std::move(text);
  }
  return true;
}

void ConfigJson::unfold(std::string_view key) {
  const Json* inner = find({key});
  if (inner != nullptr && inner->is_object()) {
    const Json copy = *inner;
    for (const auto& [name, value] : copy.items()) {
      if (!json_.contains(name)) {
        json_[name] = value;
      }
    }
  }
}

const ConfigJson::Json* ConfigJson::find(Keys keys, std::string_view* found) {
  for (const Json* object : {&json_, &outer_}) {
    if (!object->is_object()) {
      continue;
    }
    for (const std::string_view key : keys) {
      read_.emplace(key);
      const auto at = object->find(key);
      if (at != object->end() && !at->is_null()) {
        if (found != nullptr) {
          *found = key;
        }
        return &*at;
      }
    }
  }
  return nullptr;
}

const ConfigJson::Json* ConfigJson::find_outer(std::string_view key) {
  const Json* inner = find({key});
  const bool is_outer = outer_.is_object() && outer_.contains(key) && !outer_[key].is_null();
  return is_outer ? &outer_[key] : inner;
}

bool ConfigJson::says(std::string_view key) {
  const Json* value = find({key});
  return value != nullptr && says_something(*value);
}

std::int64_t ConfigJson::whole(Keys keys, std::int64_t most, std::int64_t otherwise) {
  std::string_view key = *keys.begin();
  const Json* value = find(keys, &key);
  if (value == nullptr) {
    if (otherwise == 0) {
      const Span where = span(has_text_config() ? "text_config" : key);  // not another part's key
      std::string hint;
      for (const std::string_view other : keys) {
        hint += other == key ? "" : fmt::format("{}`{}`", hint.empty() ? "or " : ", ", other);
      }
      reporter_.error(where, fmt::format("`{}` is missing", key), hint);
    }
    return otherwise;
  }
  if (is_all_the_same(*value)) {
    value = &value->front();
  }
  const bool is_whole = value->is_number_unsigned() && value->get<std::uint64_t>() >= 1 &&
                        value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
  if (!is_whole) {
    reporter_.error(span(key), fmt::format("`{}` must be a whole number from 1 to {}", key,
                                           group_digits(most)));
    return otherwise;
  }
  return value->get<std::int64_t>();
}

bool ConfigJson::flag(std::string_view key, bool otherwise) {
  const Json* value = find({key});
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->is_boolean()) {
    reporter_.error(span(key), fmt::format("`{}` must be true or false", key));
    return otherwise;
  }
  return value->get<bool>();
}

std::string ConfigJson::text(std::string_view key) {
  const Json* value = find({key});
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

void ConfigJson::refuse(std::string_view key, std::string_view why) {
  Diagnostic& d =
      reporter_.infeasible(span(key), fmt::format("`{}` is not understood", excerpt(key)));
  d.notes.emplace_back(why);
}

std::vector<std::string> ConfigJson::unread() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json_.items()) {
    if (says_something(value) && read_.count(key) == 0) {
      keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace penstock::config
