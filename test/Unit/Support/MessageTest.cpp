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

// What a terminal obeys: controls of both kinds, and turns of the direction.
TEST(Message, IsShownAndNotObeyed) {
  EXPECT_EQ(printable("a\tb\nc\r\x1b[2J\a"), "a\tb\nc\\x0d\\x1b[2J\\x07");
  EXPECT_EQ(oneLine("\xc2\x9b"
                    "31m\xc2\xa0"),
            "\\xc2\\x9b31m\xc2\xa0");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "txt.\xe2\x81\xa6"),
            "\\xe2\\x80\\xaetxt.\\xe2\\x81\\xa6");
  EXPECT_EQ(printable("\xe2\x80\x9cquoted\xe2\x80\x9d"),
            "\xe2\x80\x9cquoted\xe2\x80\x9d");
  // Any bytes, with a fixed seed: nothing below a space is left but line ends
  // and tabs, and what is left is UTF-8.
  uint32_t state = 13;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525 + 1013904223;
      text += char(state >> 24);
    }
    std::string shown = printable(text);
    EXPECT_EQ(validUtf8(shown), shown);
    EXPECT_EQ(printable(shown), shown);
    for (char c : shown)
      EXPECT_TRUE(c == '\n' || c == '\t' || (c & 0xff) >= 0x20) << int(c);
    EXPECT_EQ(oneLine(text).find_first_of("\n\t\r\x1b"), std::string::npos);
  }
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

TEST(Message, FirstFew) {
  EXPECT_EQ(firstFew({}), "");
  EXPECT_EQ(firstFew({"a"}), "a");
  EXPECT_EQ(firstFew({"a", "b"}, 2), "a, b");
  EXPECT_EQ(firstFew({"a", "b", "c", "d", "e"}), "a, b, c, d and 1 more");
}
