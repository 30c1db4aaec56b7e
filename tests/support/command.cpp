#include "tests/support/command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "tests/support/shared.h"

namespace penstock::test {
namespace {

/// Standard streams go through files: a pipe could fill up and block both sides.
struct Streams {
  std::filesystem::path in;
  std::filesystem::path out;
  std::filesystem::path err;
};

void redirect(const std::filesystem::path& path, int flags, int descriptor) {
  const int opened = open(path.c_str(), flags, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) {
    _exit(126);
  }
  close(opened);
}

[[noreturn]] void become(char** argv, const Streams& streams, const CommandOptions& options,
                         const std::filesystem::path& directory) {
  redirect(streams.in, O_RDONLY, STDIN_FILENO);
  redirect(streams.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(streams.err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  for (const auto& [name, value] : options.environment) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  if (chdir(directory.c_str()) != 0) {
    _exit(126);
  }
  execv(argv[0], argv);
  _exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "waitpid");
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::filesystem::path penstock_binary() { return PENSTOCK_BINARY; }

CommandResult run_penstock(const std::vector<std::string>& arguments,
                           const CommandOptions& options) {
  return run_command(penstock_binary(), arguments, options);
}

CommandResult run_command(const std::filesystem::path& program,
                          const std::vector<std::string>& arguments,
                          const CommandOptions& options) {
  if (access(program.c_str(), X_OK) != 0) {
    throw std::runtime_error("not built: " + program.string());
  }
  const TemporaryFolder folder;
  const Streams streams{folder.path() / "in", folder.path() / "out", folder.path() / "err"};
  std::ofstream(streams.in, std::ios::binary) << options.input;

  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  const auto directory = options.directory.empty() ? source_dir() : options.directory;

  const pid_t child = fork();
  if (child < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  if (child == 0) {
    become(argv.data(), streams, options, directory);
  }
  CommandResult result;
  result.exit_code = wait_for(child);
  result.out = read_file(streams.out);
  result.err = read_file(streams.err);
  return result;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "penstock-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace penstock::test
