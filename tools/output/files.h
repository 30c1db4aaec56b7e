#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace penstock::output {

/// Something could not be read or written: a full disk, no permission, a closed pipe. The command
/// exits 74 on it. The message names the file and the reason.
class IoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Writes all bytes to an open file descriptor; throws IoError naming `name` if that fails.
void write_all(int descriptor, std::string_view bytes, std::string_view name);

/// A file that is being written: all errors are noticed, close() makes it durable.
class OutputFile {
 public:
  /// `shown`: what errors call it; empty: by its own name.
  explicit OutputFile(std::filesystem::path path, std::filesystem::path shown = {});
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void close();

 private:
  std::filesystem::path shown_;
  int descriptor_ = -1;
};

/// A file that is there whole or not at all: it is written under a temporary name beside its own
/// and takes it in commit(). Without that, the target stays as it was. A link stays one; what is no
/// regular file (a pipe, a device) is written to as it is.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path target);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void write(std::string_view bytes) { file_.write(bytes); }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;  ///< empty: none
  OutputFile file_;
  bool committed_ = false;
};

/// Throws IoError if the target is this input.
void check_is_not(const std::filesystem::path& target, const std::filesystem::path& input);

/// Throws IoError if results cannot go to this folder: it is a file, is not empty (unless `force`),
/// or cannot be written to. Changes nothing, so that a long run can ask before it starts.
void check_folder(const std::filesystem::path& target, bool force);

/// A folder that gets its files all at once: they are written under a temporary name and moved in
/// by commit(). Until then, and if commit() is never reached, the target is as it was before.
class FolderWriter {
 public:
  /// Throws IoError as check_folder() does. Missing folders above `target` are made.
  FolderWriter(const std::filesystem::path& target, bool force);
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  /// Where to write the files of this name.
  std::filesystem::path file(std::string_view name) const { return temporary_ / name; }
  /// Where all of them are until commit().
  const std::filesystem::path& path() const { return temporary_; }
  /// Moves all files written so far into the target; files of the same names are replaced.
  void commit();

 private:
  void make_temporary(const std::filesystem::path& parent);
  void replace_files();

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::filesystem::path created_;  ///< the topmost folder that was made for the target, if any
  bool exists_ = false;
  bool committed_ = false;
};

/// SHA-256 of a file as hex digits; throws IoError.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace penstock::output
