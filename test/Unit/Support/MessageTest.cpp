//===- MessageTest.cpp - Any bytes as one line of UTF-8 -------------------===//

#include "colossal/Support/Message.h"

#include <gtest/gtest.h>

using namespace colossal;

TEST(Message, IsOneLine) {
  EXPECT_EQ(oneLine("a\nb\r\n\t c \n"), "a b c");
  EXPECT_EQ(oneLine(std::string("a\0b\x1b[31m\x7f", 9)),
            "a\\x00b\\x1b[31m\\x7f");
  EXPECT_EQ(oneLine(""), "");
}

TEST(Message, IsUtf8) {
  EXPECT_EQ(validUtf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(validUtf8("caf\xe9"), "caf\\xe9");
  // Longer than needed, half of a pair, beyond the last character, cut short.
  EXPECT_EQ(validUtf8("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(validUtf8("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(validUtf8("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(validUtf8("\xe2\x82"), "\\xe2\\x82");
}

TEST(Message, IsBounded) {
  std::string line = oneLine(std::string(100000, 'x') + "end", 300);
  EXPECT_LE(line.size(), 310u);
  EXPECT_EQ(line.substr(line.size() - 3), "end");
  // Never cut inside a character.
  std::string accents;
  for (int i = 0; i < 1000; ++i)
    accents += "\xc3\xa9";
  for (size_t limit = 90; limit < 100; ++limit)
    EXPECT_EQ(validUtf8(oneLine(accents, limit)), oneLine(accents, limit));
}
