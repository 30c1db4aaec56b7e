#include "tools/explore/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "config/text.h"
#include "tools/output/files.h"
#include "tools/output/text.h"

namespace penstock::explore {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using output::IoError;

constexpr std::string_view magic = "{\"penstock_sweep\":1,";

[[noreturn]] void fail(std::string_view action, const fs::path& path, int error) {
  throw IoError(fmt::format("cannot {} `{}`: {}", action, output::printable(path.string()),
                            std::generic_category().message(error)));
}

std::string header_line(const Identity& identity) {
  Json entries = Json::object();
  for (const auto& [name, value] : identity) {
    entries[name] = value;
  }
  Json header;
  header["penstock_sweep"] = 1;
  header["sweep"] = std::move(entries);
  return with_checksum(header.dump(-1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

/// Says how the sweep of this header differs from `identity`; empty if it does not.
std::string difference(std::string_view header, const Identity& identity) {
  const Json json = Json::parse(header, nullptr, false);
  const Json before = json.is_object() ? json.value("sweep", Json::object()) : Json::object();
  std::vector<std::string> parts;
  for (const auto& [name, value] : identity) {
    const Json was = before.value(name, Json());
    if (was.is_string() && was != value) {
      const std::string old = was.get<std::string>();
      const bool is_digest = value.size() == 64 && old.size() == 64;
      parts.push_back(is_digest ? fmt::format("the {} has changed", name)
                                : fmt::format("{} was `{}`, now `{}`", name, config::excerpt(old),
                                              config::excerpt(value)));
    } else if (!was.is_string()) {
      parts.push_back(fmt::format("{} is new", name));
    }
  }
  for (const auto& item : before.items()) {
    const auto same = [&item](const auto& entry) { return entry.first == item.key(); };
    if (std::none_of(identity.begin(), identity.end(), same)) {
      parts.push_back(fmt::format("{} is gone", item.key()));
    }
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string read_all(int descriptor, const fs::path& path) {
  std::string text;
  std::array<char, std::size_t{1} << 16> piece{};
  for (;;) {
    const ::ssize_t size = ::read(descriptor, piece.data(), piece.size());
    if (size == 0) {
      return text;
    }
    if (size < 0 && errno != EINTR) {
      fail("read", path, errno);
    }
    text.append(piece.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }
}

/// Folders that a killed process left behind while it wrote its results.
void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(".penstock-") && entry.is_directory(error)) {
      found.push_back(entry.path());
    }
  }
  for (const fs::path& path : found) {
    fs::remove_all(path, error);
  }
}

}  // namespace

Journal::Journal(fs::path folder, const Identity& identity, Mode mode)
    : folder_(std::move(folder)), path_(folder_ / file_name) {
  std::error_code error;
  const bool goes_on = mode == Mode::resume && fs::exists(path_, error);
  output::check_folder(folder_, goes_on || mode == Mode::replace);
  fs::create_directories(folder_, error);
  if (error) {
    fail("create", folder_, error.value());
  }
  open(mode);
  try {
    remove_leftovers(folder_);
    read(identity);
  } catch (...) {
    ::close(std::exchange(descriptor_, -1));
    throw;
  }
}

Journal::~Journal() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void Journal::open(Mode mode) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    fail("create", path_, errno);
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(std::exchange(descriptor_, -1));
    throw IoError(
        fmt::format("another process is sweeping into `{}`", output::printable(folder_.string())));
  }
  if (mode == Mode::replace) {
    std::error_code error;
    for (const char* name : {"points.csv", "sweep.json", "manifest.json"}) {
      fs::remove(folder_ / name, error);
    }
    if (::ftruncate(descriptor_, 0) != 0) {
      fail("write", path_, errno);
    }
  }
}

void Journal::read(const Identity& identity) {
  const std::string header = header_line(identity);
  const std::string text = read_all(descriptor_, path_);
  const std::size_t first = text.find('\n');
  const std::size_t seen = std::min(text.size(), magic.size());
  if (std::string_view(text).substr(0, seen) != magic.substr(0, seen)) {
    throw IoError(fmt::format("`{}` is no journal of a sweep", output::printable(path_.string())));
  }
  std::size_t end = 0;  // of the last whole line
  if (first != std::string::npos) {
    if (text.compare(0, first + 1, header) != 0) {
      throw OtherSweep(fmt::format("`{}` holds another sweep: {}",
                                   output::printable(folder_.string()),
                                   difference(std::string_view(text).substr(0, first), identity)));
    }
    end = first + 1;
    for (std::size_t stop = 0; (stop = text.find('\n', end)) != std::string::npos; end = stop + 1) {
      if (auto record = record_of_line(std::string_view(text).substr(end, stop - end))) {
        records_.push_back(std::move(*record));
      } else {
        ++damaged_;
      }
    }
  }
  if (::ftruncate(descriptor_, static_cast<::off_t>(end)) != 0 ||
      ::lseek(descriptor_, 0, SEEK_END) < 0) {
    fail("write", path_, errno);
  }
  if (end == 0) {
    output::write_all(descriptor_, header, fmt::format("`{}`", file_name));
  }
}

void Journal::append(const Record& record) {
  output::write_all(descriptor_, to_line(record) + "\n", fmt::format("`{}`", file_name));
  // What is written outlives the process at once; this is for a machine that loses power.
  const auto now = std::chrono::steady_clock::now();
  if (now - synced_ > std::chrono::seconds(1)) {
    ::fdatasync(descriptor_);
    synced_ = now;
  }
}

std::string journal_text(const Identity& identity, std::span<const Record> records) {
  std::string text = header_line(identity);
  for (const Record& record : records) {
    text += to_line(record);
    text += '\n';
  }
  return text;
}

}  // namespace penstock::explore
