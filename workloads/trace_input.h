#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "workloads/line_reader.h"

namespace penstock {

/// A trace's bytes, which can be read from the start again and again: a file, or what a pipe gave,
/// kept in memory. Bytes packed with gzip are unpacked while they are read.
class TraceInput {
 public:
  /// A file, a pipe, or `-` for standard input. A pipe is read to its end, now.
  explicit TraceInput(const std::string& path);
  /// A text in memory.
  static TraceInput of_text(std::string text);

  /// True if the path is that of a folder: nothing can be opened then.
  bool is_folder() const { return is_folder_; }
  const std::string& path() const { return path_; }

  /// The bytes from their start. Ensures a source; one that fails at the first read if there is
  /// nothing to be had.
  std::unique_ptr<ByteSource> open() const;

 private:
  TraceInput() = default;

  std::string path_;
  bool is_folder_ = false;
  std::shared_ptr<const std::string> held_;  // null: a file
  std::string failure_;                      // of reading the pipe
};

}  // namespace penstock
