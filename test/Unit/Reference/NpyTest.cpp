//===- NpyTest.cpp - NumPy's array files ----------------------------------===//

#include "colossal/Reference/Npy.h"
#include "colossal/Support/Files.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace colossal;
using namespace colossal::reference;

static std::string temporaryFile() {
  llvm::SmallString<128> path;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("tensor", "npy", path));
  return path.str().str();
}

TEST(Npy, RoundTrips) {
  std::string path = temporaryFile(), error;
  for (ElementKind kind :
       {ElementKind::Float, ElementKind::Integer, ElementKind::Boolean})
    for (std::vector<int64_t> shape :
         {std::vector<int64_t>{}, {3}, {2, 0}, {2, 3, 4}}) {
      Tensor tensor = Tensor::zeros(kind, shape);
      for (int64_t i = 0; i < tensor.size(); ++i)
        tensor.setNumber(i, double(i % 2 ? i : -i));
      ASSERT_TRUE(writeNpy(path, tensor, error)) << error;
      auto read = readNpy(path, error);
      ASSERT_TRUE(read) << error;
      EXPECT_EQ(read->shape, tensor.shape);
      EXPECT_EQ(read->kind, kind);
      EXPECT_EQ(read->floats, tensor.floats);
      EXPECT_EQ(read->integers, tensor.integers);
      EXPECT_EQ(read->booleans, tensor.booleans);
    }
  llvm::sys::fs::remove(path);
}

/// A file of format 1.0 with this dictionary and these bytes.
static std::optional<Tensor> readText(const std::string &dictionary,
                                      const std::string &bytes,
                                      std::string &error) {
  std::string path = temporaryFile();
  std::string text = std::string("\x93NUMPY\x01\x00", 8);
  text += char(dictionary.size());
  text += '\0';
  EXPECT_TRUE(writeTextFile(path, text + dictionary + bytes, error));
  auto result = readNpy(path, error);
  llvm::sys::fs::remove(path);
  return result;
}

TEST(Npy, FortranOrderAndNarrowTypes) {
  std::string error;
  auto tensor =
      readText("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }",
               std::string("\1\0\2\0\3\0\4\0\5\0\xff\xff", 12), error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->integers, (std::vector<int64_t>{1, 3, 5, 2, 4, -1}));
}

TEST(Npy, DamagedFiles) {
  std::string error;
  EXPECT_FALSE(
      readText("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
               "1234567", error));
  EXPECT_NE(error.find("too few bytes"), std::string::npos) << error;
  EXPECT_FALSE(
      readText("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
               "1234", error));
  EXPECT_FALSE(
      readText("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
               "1234", error));
  EXPECT_FALSE(readText("{'descr': '<f4', 'fortran_order': False, 'shape': "
                        "(9999999999, 9999999999)}",
                        "1234", error));
  EXPECT_FALSE(readText("{'descr': 'O', 'fortran_order': False, 'shape': (1,)}",
                        "12345678", error));
  EXPECT_FALSE(readNpy("/does/not/exist.npy", error));
  EXPECT_NE(error.find("/does/not/exist.npy"), std::string::npos);
}
