#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/diagnostic.h"

namespace penstock::config {

/// A text that was given to us, cut into lines so that diagnostics can quote them.
class Source {
 public:
  /// `name` as the user knows it: the path as given, or `--set[1]`.
  Source(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  /// Line `number`, from 1, without its end; empty past the last one.
  std::string_view line(long number) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<std::size_t> starts_;  ///< byte at which each line starts
};

using SourcePtr = std::shared_ptr<const Source>;

/// A stretch of one line of a source. Columns and lengths count characters; 0 = unknown.
struct Span {
  SourcePtr source;
  long line = 0;
  long column = 0;
  long length = 0;
};

/// Collects diagnostics. Keeps the first `limit`, so that a hostile file cannot fill the memory.
class Reporter {
 public:
  /// Each adds one diagnostic at `span` and returns it, so that notes can be added.
  Diagnostic& error(const Span& span, std::string message, std::string label = "");
  Diagnostic& infeasible(const Span& span, std::string message, std::string label = "");
  Diagnostic& warning(const Span& span, std::string message, std::string label = "");

  /// Adds what another reporter took.
  void append(Diagnostics diagnostics);

  /// Something that is true and worth saying in the output, but not wrong.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// A file that was read, for the manifest of a result.
  void note_file(std::string path) { files_.push_back(std::move(path)); }

  bool has_errors() const { return penstock::has_errors(diagnostics_); }
  std::size_t error_count() const;
  /// True if more is not kept: time to stop looking.
  bool is_full() const { return diagnostics_.size() >= limit; }
  std::size_t size() const { return diagnostics_.size(); }

  /// What was collected, in order of file and position within it.
  Diagnostics take();
  std::vector<std::string> take_notes() { return std::move(notes_); }
  std::vector<std::string> take_files() { return std::move(files_); }

 private:
  static constexpr std::size_t limit = 500;
  Diagnostic& add(const Span& span, Diagnostic diagnostic);

  Diagnostics diagnostics_;
  std::optional<Diagnostic> dropped_;  ///< takes what is past the limit
  std::vector<std::string> notes_;
  std::vector<std::string> files_;
};

}  // namespace penstock::config
