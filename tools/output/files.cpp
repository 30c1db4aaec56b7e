#include "tools/output/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "tools/output/sha256.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view action, const fs::path& path, const std::string& reason) {
  throw IoError("cannot " + std::string(action) + " `" + printable(path.string()) + "`: " + reason);
}

std::string reason_of(int error) { return std::generic_category().message(error); }

void sync_folder(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);  // not all file systems can; the files themselves are safe
    ::close(descriptor);
  }
}

/// The topmost folder of `path` that does not exist yet; empty if all of it does.
fs::path first_missing(const fs::path& path) {
  fs::path missing;
  std::error_code error;
  for (fs::path part = path; !part.empty() && !fs::exists(part, error); part = part.parent_path()) {
    missing = part;
  }
  return missing;
}

/// Where a link points to, if it is one.
fs::path behind_links(const fs::path& path) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::canonical(path, error) : fs::path();
  return target.empty() ? path : target;
}

/// Neither a regular file nor a place for one.
bool is_special(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace

void write_all(int descriptor, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ::ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      throw IoError("cannot write to " + std::string(name) + ": " +
                    reason_of(written < 0 ? errno : ENOSPC));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

OutputFile::OutputFile(fs::path path, fs::path shown)
    : shown_(shown.empty() ? path.filename() : std::move(shown)) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    fail("create", shown_, reason_of(errno));
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void OutputFile::write(std::string_view bytes) {
  write_all(descriptor_, bytes, "`" + printable(shown_.string()) + "`");
}

void OutputFile::close() {
  // Some file systems report a full disk only here.
  const bool synced = ::fsync(descriptor_) == 0 || errno == EINVAL || errno == EROFS;
  const int error = errno;
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  if (!synced || !closed) {
    fail("write to", shown_, reason_of(synced ? errno : error));
  }
}

WholeFile::WholeFile(fs::path target)
    : target_(behind_links(target)),
      temporary_(is_special(target_)
                     ? fs::path()
                     : fs::path(target_.string() + ".penstock-" + std::to_string(::getpid()))),
      file_(temporary_.empty() ? target_ : temporary_, std::move(target)) {}

WholeFile::~WholeFile() {
  if (!committed_ && !temporary_.empty()) {
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }
}

void WholeFile::commit() {
  file_.close();
  committed_ = true;
  if (temporary_.empty()) {
    return;
  }
  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (error) {
    committed_ = false;
    fail("write", target_, error.message());
  }
}

void check_is_not(const fs::path& target, const fs::path& input) {
  std::error_code error;
  if (fs::equivalent(target, input, error)) {
    fail("write to", target, "it is an input of this command");
  }
}

void check_folder(const fs::path& target, bool force) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (!fs::exists(status)) {
    fs::path parent = fs::absolute(target, error).lexically_normal();
    while (parent.has_relative_path() && !fs::exists(parent, error)) {
      parent = parent.parent_path();
    }
    if (!fs::is_directory(parent, error)) {
      fail("create", target, "`" + printable(parent.string()) + "` is not a folder");
    }
    if (::access(parent.c_str(), W_OK | X_OK) != 0) {
      fail("create", target, reason_of(errno));
    }
    return;
  }
  if (!fs::is_directory(status)) {
    fail("write to", target, "it is not a folder");
  }
  const fs::directory_iterator content(target, error);
  if (error) {
    fail("read", target, error.message());
  }
  if (content != fs::directory_iterator() && !force) {
    fail("write to", target, "the folder is not empty (--force replaces what a run writes)");
  }
  if (::access(target.c_str(), W_OK | X_OK) != 0) {
    fail("write to", target, reason_of(errno));
  }
}

FolderWriter::FolderWriter(const fs::path& target, bool force) {
  check_folder(target, force);
  std::error_code error;
  target_ = fs::absolute(target, error).lexically_normal();
  if (!target_.has_filename()) {
    target_ = target_.parent_path();
  }
  exists_ = fs::exists(target_, error);
  if (exists_) {
    make_temporary(target_);
    return;
  }
  created_ = first_missing(target_.parent_path());
  fs::create_directories(target_.parent_path(), error);
  if (error) {
    fail("create", target, error.message());
  }
  make_temporary(target_.parent_path());
}

void FolderWriter::make_temporary(const fs::path& parent) {
  std::string name = (parent / ".penstock-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    const int error = errno;
    std::error_code ignored;
    if (!created_.empty()) {
      fs::remove_all(created_, ignored);
    }
    fail("write to", parent, reason_of(error));
  }
  // mkdtemp() lets nobody else in; a result folder is as open as the umask says.
  const ::mode_t mask = ::umask(0);
  ::umask(mask);
  ::chmod(name.c_str(), 0777 & ~mask);
  temporary_ = name;
}

FolderWriter::~FolderWriter() {
  std::error_code ignored;
  if (!temporary_.empty()) {
    fs::remove_all(temporary_, ignored);
  }
  if (!committed_ && !created_.empty()) {
    fs::remove_all(created_, ignored);
  }
}

void FolderWriter::commit() {
  std::error_code error;
  if (!exists_) {
    fs::rename(temporary_, target_, error);
    if (error) {
      fail("create", target_, error.message());
    }
    temporary_.clear();
    sync_folder(target_.parent_path());
  } else {
    replace_files();
  }
  committed_ = true;
}

void FolderWriter::replace_files() {
  std::vector<fs::path> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(temporary_)) {
    names.push_back(entry.path().filename());
  }
  std::error_code error;
  for (const fs::path& name : names) {
    if (fs::is_directory(target_ / name, error)) {
      fail("write", target_ / name, "a folder of that name is in the way");
    }
  }
  for (const fs::path& name : names) {
    fs::rename(temporary_ / name, target_ / name, error);
    if (error) {
      fail("write", target_ / name, error.message());
    }
  }
  sync_folder(target_);
}

std::string sha256_of_file(const fs::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    fail("read", path, reason_of(errno));
  }
  Sha256 hash;
  std::array<char, std::size_t{1} << 16> buffer;
  std::size_t size = 0;
  while ((size = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) {
    hash.add({buffer.data(), size});
  }
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) {
    fail("read", path, "the disk gave up");
  }
  return hash.hex_digest();
}

}  // namespace penstock::output
