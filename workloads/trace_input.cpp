#include "workloads/trace_input.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

namespace penstock {
namespace {

constexpr std::string_view gzip_magic = "\x1F\x8B";

class TextBytes final : public ByteSource {
 public:
  TextBytes(std::shared_ptr<const std::string> text, std::string failure)
      : text_(std::move(text)), failure_(std::move(failure)) {}

  std::size_t read(char* to, std::size_t size) override {
    const std::size_t count = std::min(size, text_->size() - at_);
    std::memcpy(to, text_->data() + at_, count);
    at_ += count;
    return count;
  }
  std::string failure() const override { return at_ == text_->size() ? failure_ : ""; }

 private:
  std::shared_ptr<const std::string> text_;
  std::size_t at_ = 0;
  std::string failure_;
};

/// Unpacks gzip, of one member or several.
class UnpackedBytes final : public ByteSource {
 public:
  explicit UnpackedBytes(std::unique_ptr<ByteSource> packed) : packed_(std::move(packed)) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    is_good_ = inflateInit2(&stream_, gzip_only) == Z_OK;
    failure_ = is_good_ ? "" : "zlib cannot start";
  }
  ~UnpackedBytes() override { inflateEnd(&stream_); }
  UnpackedBytes(const UnpackedBytes&) = delete;
  UnpackedBytes& operator=(const UnpackedBytes&) = delete;

  std::size_t read(char* to, std::size_t size) override {
    const auto wanted = static_cast<uInt>(std::min<std::size_t>(size, 1U << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = wanted;
    while (is_good_ && stream_.avail_out == wanted) {
      is_good_ = step();
    }
    return wanted - stream_.avail_out;
  }

  std::string failure() const override { return failure_; }

 private:
  /// Unpacks a piece; false at the end or after a failure.
  bool step() {
    if (stream_.avail_in == 0) {
      stream_.next_in = buffer_.data();
      stream_.avail_in =
          static_cast<uInt>(packed_->read(reinterpret_cast<char*>(buffer_.data()), buffer_.size()));
      if (stream_.avail_in == 0) {
        failure_ = !packed_->failure().empty() ? packed_->failure()
                   : in_member_                ? "the gzip data end too early"
                                               : "";
        return false;
      }
    }
    in_member_ = true;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {  // another member may follow
      in_member_ = false;
      return inflateReset(&stream_) == Z_OK;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) {
      failure_ = std::string("the gzip data are damaged") +
                 (stream_.msg != nullptr ? std::string(": ") + stream_.msg : "");
      return false;
    }
    return true;
  }

  std::unique_ptr<ByteSource> packed_;
  std::array<Bytef, std::size_t{1} << 16> buffer_ = {};
  z_stream stream_ = {};
  bool is_good_ = false;
  bool in_member_ = false;
  std::string failure_;
};

/// The first bytes of a source, which are then lost to it.
std::string first_bytes(ByteSource& source, std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t got = 0;
  while (got < count) {
    const std::size_t more = source.read(bytes.data() + got, count - got);
    if (more == 0) {
      break;
    }
    got += more;
  }
  bytes.resize(got);
  return bytes;
}

/// What is no regular file is read as a whole, up to here.
constexpr std::size_t most_held = std::size_t{2} << 30;

/// All bytes of a source, or more than `most_held` of them.
std::string all_bytes(ByteSource& source) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  std::string text;
  std::size_t size = 0;
  while (true) {
    text.resize(size + piece);
    const std::size_t got = source.read(text.data() + size, piece);
    size += got;
    if (got == 0 || size > most_held) {
      text.resize(size);
      text.shrink_to_fit();
      return text;
    }
  }
}

}  // namespace

TraceInput::TraceInput(const std::string& path) : path_(path == "-" ? "/dev/stdin" : path) {
  std::error_code error;
  is_folder_ = std::filesystem::is_directory(path_, error);
  if (path != "-" && (is_folder_ || std::filesystem::is_regular_file(path_, error) ||
                      !std::filesystem::exists(path_, error))) {
    return;
  }
  const auto source = open_file(path_);
  held_ = std::make_shared<const std::string>(all_bytes(*source));
  failure_ = held_->size() > most_held
                 ? "more than 2 GiB, and no regular file: write it to one first"
                 : source->failure();
}

TraceInput TraceInput::of_text(std::string text) {
  TraceInput input;
  input.held_ = std::make_shared<const std::string>(std::move(text));
  return input;
}

std::unique_ptr<ByteSource> TraceInput::open() const {
  const auto open_packed = [this]() -> std::unique_ptr<ByteSource> {
    if (held_ != nullptr) {
      return std::make_unique<TextBytes>(held_, failure_);
    }
    return open_file(path_);
  };
  if (first_bytes(*open_packed(), gzip_magic.size()) == gzip_magic) {
    return std::make_unique<UnpackedBytes>(open_packed());
  }
  return open_packed();
}

}  // namespace penstock
