#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "workloads/limits.h"

namespace penstock {

/// Where the bytes of a trace come from: a file, an unpacker; in tests, anything.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Puts at most `size` bytes at `to`; 0 = the end, or a failure.
  virtual std::size_t read(char* to, std::size_t size) = 0;
  /// Why reading failed; empty = it did not.
  virtual std::string failure() const { return {}; }
};

/// Opens a file. Ensures a source; one that fails at the first read if the file cannot be opened.
std::unique_ptr<ByteSource> open_file(const std::string& path);

/// The lines of a text, one after the other, from large reads and without copying a line.
///
/// A line ends with LF or CR LF; the last one may lack its end. A UTF-8 byte order mark at the
/// start is skipped. Lines are numbered from 1.
class LineReader {
 public:
  /// Reads a text in memory, which must outlive the reader.
  explicit LineReader(std::string_view text);
  /// Lines of `most_bytes` or more, end included, are not read.
  explicit LineReader(std::unique_ptr<ByteSource> bytes, std::size_t most_bytes = max_line_bytes);

  /// The first bytes of the text, byte order mark included: at least 4,096, unless it is shorter.
  /// Requires that next() was not called yet.
  std::string_view head() const;

  /// Goes on to the next line. False at the end, and for good after a failure.
  bool next();
  /// Takes all bytes that are there, whatever lines they are, reading more if there are none; empty
  /// at the end and after a failure. For texts that are not lines: not to be mixed with next().
  std::string_view take_piece();
  /// The line, without its end. Valid until next().
  std::string_view line() const { return line_; }
  long number() const { return number_; }

  /// Why the text cannot be read on: a failed read. Empty if nothing failed.
  const std::string& read_failure() const { return read_failure_; }
  /// True if the line after number() is longer than `most_bytes()`.
  bool line_too_long() const { return line_too_long_; }
  std::size_t most_bytes() const { return most_bytes_; }

 private:
  const char* find_line_end();
  bool fill();

  std::unique_ptr<ByteSource> bytes_;  // null: everything is in memory
  std::size_t most_bytes_ = max_line_bytes;
  std::unique_ptr<char[]> buffer_;  // of most_bytes_
  const char* cursor_ = nullptr;    // start of what was not handed out
  const char* end_ = nullptr;       // end of what was read
  bool at_end_ = false;
  bool line_too_long_ = false;
  long number_ = 0;
  std::string_view line_;
  std::string read_failure_;
};

}  // namespace penstock
