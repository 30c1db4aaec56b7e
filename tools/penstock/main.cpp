#include <csignal>

#include "tools/penstock/command.h"

int main(int argc, char** argv) {
  // A closed pipe and a file size limit then come back as errors of write(), with exit code 74.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  penstock::cli::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    arguments.emplace_back(argv[i]);
  }
  return penstock::cli::run_command_line(arguments);
}
