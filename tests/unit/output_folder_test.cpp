#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/command.h"
#include "tests/support/shared.h"
#include "tools/output/files.h"
#include "tools/output/folder.h"

namespace penstock::output {
TEST_CASE("a folder that is not committed leaves nothing behind") {
  const test::TemporaryFolder temporary;
  {
    FolderWriter folder(temporary.path() / "a" / "b", false);
    OutputFile file(folder.file("x"));
    file.write("half");
  }
  CHECK(std::filesystem::is_empty(temporary.path()));
  {
    FolderWriter folder(temporary.path(), false);
    OutputFile(folder.file("x")).write("half");
  }
  CHECK(std::filesystem::is_empty(temporary.path()));
}

TEST_CASE("a folder that is not empty is refused without force and kept with it") {
  const test::TemporaryFolder temporary;
  std::ofstream(temporary.path() / "mine") << "keep";
  std::ofstream(temporary.path() / "x") << "old";
  CHECK_THROWS_AS(FolderWriter(temporary.path(), false), IoError);
  CHECK_THROWS_AS(FolderWriter(temporary.path() / "mine", true), IoError);
  CHECK_THROWS_AS(FolderWriter(temporary.path() / "mine" / "below", true), IoError);
  FolderWriter folder(temporary.path(), true);
  OutputFile file(folder.file("x"));
  file.write("new");
  file.close();
  folder.commit();
  CHECK(test::read_file(temporary.path() / "x") == "new");
  CHECK(test::read_file(temporary.path() / "mine") == "keep");
}

}  // namespace penstock::output
