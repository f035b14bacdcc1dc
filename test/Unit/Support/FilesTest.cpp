//===- FilesTest.cpp - Whole files as text --------------------------------===//

#include "colossal/Support/Files.h"

#include <gtest/gtest.h>

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
