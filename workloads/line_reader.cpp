#include "workloads/line_reader.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace penstock {
namespace {

constexpr std::size_t head_bytes = 4096;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(const std::string& path) : file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) {
      failure_ = std::strerror(errno);
      return;
    }
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  }

  std::size_t read(char* to, std::size_t size) override {
    if (!file_) {
      return 0;
    }
    const std::size_t got = std::fread(to, 1, size, file_.get());
    if (got == 0 && std::ferror(file_.get()) != 0) {
      failure_ = std::strerror(errno);
    }
    return got;
  }

  std::string failure() const override { return failure_; }

 private:
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  return std::make_unique<FileBytes>(path);
}

LineReader::LineReader(std::string_view text)
    : cursor_(text.data()), end_(text.data() + text.size()), at_end_(true) {}

LineReader::LineReader(std::unique_ptr<ByteSource> bytes, std::size_t most_bytes)
    : bytes_(std::move(bytes)), most_bytes_(most_bytes), buffer_(new char[most_bytes]) {
  cursor_ = buffer_.get();
  end_ = buffer_.get();
  while (head().size() < head_bytes && fill()) {
  }
}

std::string_view LineReader::head() const {
  return {cursor_, static_cast<std::size_t>(end_ - cursor_)};
}

bool LineReader::next() {
  if (number_ == 0 && head().starts_with(byte_order_mark)) {
    cursor_ += byte_order_mark.size();
  }
  const char* const line_end = find_line_end();
  if (line_too_long_ || !read_failure_.empty() || cursor_ == end_) {
    return false;
  }
  line_ = {cursor_, static_cast<std::size_t>(line_end - cursor_)};
  cursor_ = line_end == end_ ? end_ : line_end + 1;
  if (line_.ends_with('\r')) {
    line_.remove_suffix(1);
  }
  ++number_;
  return true;
}

std::string_view LineReader::take_piece() {
  if (cursor_ == end_) {
    if (buffer_ != nullptr) {  // else all of it was taken
      cursor_ = buffer_.get();
      end_ = cursor_;
    }
    fill();
  }
  const std::string_view piece = head();
  cursor_ = end_;
  return piece;
}

/// The line feed that ends the next line, or end_ if the text ends first.
const char* LineReader::find_line_end() {
  std::size_t searched = 0;
  while (true) {
    const std::string_view rest = head();
    const std::size_t found = rest.find('\n', searched);
    if (found != std::string_view::npos) {
      line_too_long_ = found >= most_bytes_;
      return cursor_ + found;
    }
    searched = rest.size();
    if (searched >= most_bytes_) {
      line_too_long_ = true;
      return end_;
    }
    if (!fill()) {
      return end_;
    }
  }
}

/// Reads more, moving what was not handed out to the front if need be. False at the end.
bool LineReader::fill() {
  if (at_end_) {
    return false;
  }
  const std::size_t kept = head().size();
  if (buffer_.get() + most_bytes_ == end_) {
    std::memmove(buffer_.get(), cursor_, kept);
    cursor_ = buffer_.get();
    end_ = cursor_ + kept;
  }
  char* const to = buffer_.get() + (end_ - buffer_.get());
  const std::size_t room = most_bytes_ - static_cast<std::size_t>(to - buffer_.get());
  const std::size_t got = room == 0 ? 0 : bytes_->read(to, room);
  end_ = to + got;
  if (got == 0) {
    at_end_ = true;
    read_failure_ = bytes_->failure();
  }
  return got > 0;
}

}  // namespace penstock
