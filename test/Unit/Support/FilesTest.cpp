//===- FilesTest.cpp - Whole files as text --------------------------------===//

#include "colossal/Support/Files.h"

#include <gtest/gtest.h>
#include <unistd.h>

using namespace colossal;

TEST(Files, WritesAndReads) {
  std::string path = testing::TempDir() + "colossal-files-test.txt", error;
  std::string text("a\0b\n", 4);
  ASSERT_TRUE(writeTextFile(path, "longer than what follows", error)) << error;
  ASSERT_TRUE(writeTextFile(path, text, error)) << error;
  EXPECT_EQ(readTextFile(path, error), text);
  std::remove(path.c_str());
}

TEST(Files, SaysWhatIsWrong) {
  std::string error;
  EXPECT_FALSE(readTextFile("/nowhere/a.json", error).has_value());
  EXPECT_EQ(error, "/nowhere/a.json: cannot read: No such file or directory");
  EXPECT_FALSE(readTextFile("/tmp", error).has_value());
  EXPECT_EQ(error, "/tmp: cannot read: Is a directory");
  EXPECT_FALSE(writeTextFile("/nowhere/a.json", "", error));
  EXPECT_EQ(error, "/nowhere/a.json: cannot write: No such file or directory");
}

/// Nothing can be renamed over a device, and a link stays one.
TEST(Files, DevicesAndLinksStayWhatTheyAre) {
  std::string error, path = testing::TempDir() + "colossal-files-target.txt",
                     link = testing::TempDir() + "colossal-files-link.txt";
  EXPECT_FALSE(writeTextFile("/dev/full", "text", error));
  EXPECT_EQ(error, "/dev/full: cannot write: No space left on device");
  EXPECT_TRUE(writeTextFile("/dev/null", "text", error)) << error;
  std::remove(link.c_str());
  ASSERT_TRUE(writeTextFile(path, "old", error)) << error;
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  ASSERT_TRUE(writeTextFile(link, "new", error)) << error;
  EXPECT_EQ(readTextFile(path, error), "new");
  char target[4096];
  EXPECT_EQ(readlink(link.c_str(), target, sizeof target),
            ssize_t(path.size()));
  std::remove(link.c_str());
  std::remove(path.c_str());
}
