#include "tools/explore/record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "tools/output/sha256.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view member = ",\"checksum\":\"";
constexpr std::size_t digits = 16;
constexpr std::size_t tail = member.size() + digits + 2;  // "}

constexpr std::array all_statuses{PointStatus::ok, PointStatus::infeasible, PointStatus::invalid};

std::string checksum(std::string_view text) {
  output::Sha256 hash;
  hash.add(text);
  return hash.hex_digest().substr(0, digits);
}

}  // namespace

const char* to_string(PointStatus status) {
  switch (status) {
    case PointStatus::ok:
      return "ok";
    case PointStatus::infeasible:
      return "infeasible";
    case PointStatus::invalid:
      return "invalid";
  }
  return "";
}

std::string with_checksum(std::string json) {
  const std::string sum = checksum(json);
  json.pop_back();
  json += member;
  json += sum;
  json += "\"}";
  return json;
}

bool checksum_holds(std::string_view line) {
  if (line.size() < tail || !line.ends_with("\"}") ||
      line.substr(line.size() - tail, member.size()) != member) {
    return false;
  }
  const std::string_view sum = line.substr(line.size() - digits - 2, digits);
  return checksum(std::string(line.substr(0, line.size() - tail)) + "}") == sum;
}

std::string to_line(const Record& record) {
  Json head;
  head["point"] = record.point;
  head["run"] = record.run;
  head["status"] = to_string(record.status);
  if (!record.reason.empty()) {
    head["reason"] = record.reason;
  }
  if (!record.inputs.empty()) {
    head["inputs"] = record.inputs;
  }
  std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!record.summary.empty()) {
    text.pop_back();
    text += ",\"summary\":";
    text += record.summary;
    text += '}';
  }
  return with_checksum(std::move(text));
}

std::optional<Record> record_of_line(std::string_view line) {
  if (!checksum_holds(line)) {
    return std::nullopt;
  }
  const Json json = Json::parse(line, nullptr, false);
  const Json* const status =
      json.is_object() && json.contains("status") ? &json["status"] : nullptr;
  if (status == nullptr || !status->is_string() ||
      !json.value("point", Json()).is_number_unsigned() ||
      !json.value("run", Json()).is_number_unsigned()) {
    return std::nullopt;
  }
  Record record;
  record.point = json["point"].get<std::size_t>();
  record.run = json["run"].get<std::size_t>();
  for (const PointStatus known : all_statuses) {
    record.status = *status == to_string(known) ? known : record.status;
  }
  record.reason = json.value("reason", "");
  if (json.contains("inputs")) {
    record.inputs = json["inputs"].get<std::map<std::string, std::string>>();
  }
  if (json.contains("summary")) {
    record.summary = json["summary"].dump();
  }
  return record;
}

}  // namespace penstock::explore
