#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

struct CommandResult {
  int exit_code = 0;  ///< 128 + signal where a signal ended the command
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::filesystem::path directory = {};                               ///< default: the source tree
  std::string input = {};                                             ///< standard input
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< added to our own
};

/// The built penstock command.
std::filesystem::path penstock_binary();

/// Whether what a command printed has this part.
inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Runs penstock with these arguments, waits, and returns what it printed. No shell is involved.
///
///     const auto result = run_penstock({"run", "workloads/chat.yaml"});
///     CHECK(result.exit_code == 0);
CommandResult run_penstock(const std::vector<std::string>& arguments,
                           const CommandOptions& options = {});

/// The same for any program.
CommandResult run_command(const std::filesystem::path& program,
                          const std::vector<std::string>& arguments,
                          const CommandOptions& options = {});

/// An empty folder of its own, removed with everything in it at the end of its scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace penstock::test
