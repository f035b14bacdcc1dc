//===- PickleTest.cpp - The reader of untrusted pickles -------------------===//

#include "colossal/Import/Pickle.h"

#include <gtest/gtest.h>

using namespace colossal::torchscript;
using Kind = PickleValue::Kind;

namespace {

/// A string literal with embedded zero bytes.
template <size_t N> std::string bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

std::string errorOf(const std::string &pickle) {
  std::string error;
  EXPECT_FALSE(Pickle::read(pickle, error));
  return error;
}

TEST(PickleTest, Values) {
  std::string error;
  auto pickle = Pickle::read(
      bytes("\x80\x02(K\x05M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\xff"
            "G\x3f\xf8\x00\x00\x00\x00\x00\x00\x88NX\x02\x00\x00\x00hit."),
      error);
  ASSERT_TRUE(pickle) << error;
  const auto &items = pickle->root().items;
  ASSERT_EQ(pickle->root().kind, Kind::Tuple);
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[0]->integer, 5);
  EXPECT_EQ(items[1]->integer, 0x201);
  EXPECT_EQ(items[2]->integer, -1);
  EXPECT_EQ(items[3]->integer, -256);
  EXPECT_EQ(items[4]->number, 1.5);
  EXPECT_TRUE(items[5]->boolean);
  EXPECT_EQ(items[6]->kind, Kind::None);
  EXPECT_EQ(items[7]->text, "hi");
}

TEST(PickleTest, ObjectsAndMemo) {
  std::string error;
  auto pickle =
      Pickle::read(bytes("\x80\x02"
                         "c__torch__\nM\nq\x00)\x81}(X\x01\x00\x00\x00"
                         "aq\x01K\x07"
                         "X\x01\x00\x00\x00"
                         "bh\x01ub."),
                   error);
  ASSERT_TRUE(pickle) << error;
  ASSERT_EQ(pickle->root().kind, Kind::Object);
  EXPECT_EQ(pickle->root().text, "__torch__ M");
  ASSERT_EQ(pickle->root().attributes.size(), 2u);
  EXPECT_EQ(pickle->root().attributes[0].first, "a");
  EXPECT_EQ(pickle->root().attributes[0].second->integer, 7);
  EXPECT_EQ(pickle->root().attributes[1].second->text, "a");
}

TEST(PickleTest, RefusedGlobals) {
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "cos\nsystem\n."))
                .find("the global 'os.system'"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "cbuiltins\neval\n."))
                .find("builtins.eval"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "ctorch\nos.StringStorage\n."))
                .find("not on the list"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "c__torch__.torch.classes.x\nC\n."))
                .find("not on the list"),
            std::string::npos);
}

TEST(PickleTest, RefusedConstructions) {
  // A class of the model with a state of its own choice: __setstate__.
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "c__torch__\nM\n)\x81K\x01\x85"
                          "b."))
                .find("__setstate__"),
            std::string::npos);
  // A call of a class of the model.
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "c__torch__\nM\n)R."))
                .find("a call"),
            std::string::npos);
  // An instance of something else.
  EXPECT_NE(errorOf(bytes("\x80\x02"
                          "ccollections\nOrderedDict\n)\x81."))
                .find("not a class of the model"),
            std::string::npos);
}

TEST(PickleTest, RefusedOpcodesAndShapes) {
  EXPECT_NE(errorOf(bytes("\x80\x02V1\n.")).find("opcode 0x56"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x04N.")).find("protocol 4"), std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02N")).find("without a stop"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02N.N")).find("after the stop"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02h\x07.")).find("a reference to nothing"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02t.")).find("without its mark"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02K\x01(R.")).find("without its operand"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02X\xff\xff\xff\x7fhi.")).find("inside an"),
            std::string::npos);
  EXPECT_NE(errorOf(bytes("\x80\x02}K\x01"
                          "a."))
                .find("not a container"),
            std::string::npos);
}

/// No prefix of a valid pickle is read outside its bytes or accepted.
TEST(PickleTest, Prefixes) {
  std::string whole = bytes("\x80\x02"
                            "c__torch__\nM\nq\x00)\x81}(X\x01\x00\x00\x00"
                            "aq\x01K\x07"
                            "X\x01\x00\x00\x00"
                            "b\x8a\x04\x01\x02\x03\x04ub.");
  std::string error;
  ASSERT_TRUE(Pickle::read(whole, error)) << error;
  for (size_t size = 0; size < whole.size(); ++size)
    errorOf(whole.substr(0, size));
}

} // namespace
