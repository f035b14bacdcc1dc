//===- NpyHeaderTest.cpp - Headers of numpy's array files -----------------===//

#include "colossal/Run/NpyHeader.h"

#include <gtest/gtest.h>

using namespace colossal::rank;

namespace {

std::string headerOf(const std::string &dictionary, int major = 1,
                     int minor = 0) {
  std::string text = "\x93NUMPY";
  text += char(major);
  text += char(minor);
  size_t length = dictionary.size();
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    text += char(length >> (8 * i) & 255);
  return text + dictionary;
}

std::optional<NpyHeader> parse(const std::string &text) {
  std::string fault;
  std::optional<NpyHeader> header = parseNpyHeader(text, fault);
  EXPECT_EQ(header.has_value(), fault.empty()) << fault;
  if (!header) {
    EXPECT_EQ(fault.find("found "), 0u) << fault;
    EXPECT_NE(fault.find(", expected "), std::string::npos) << fault;
  }
  return header;
}

const std::string kGood =
    "{'descr': '<i4', 'fortran_order': False, 'shape': (64, 8), }";

TEST(NpyHeader, WhatNumpyWritesIsRead) {
  for (int major : {1, 2, 3}) {
    auto header = parse(headerOf(kGood + "   \n", major));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->descr, "<i4");
    EXPECT_FALSE(header->fortranOrder);
    EXPECT_EQ(header->shape, (std::vector<int64_t>{64, 8}));
    EXPECT_EQ(header->elements, 512);
    EXPECT_EQ(header->dataOffset, (major == 1 ? 10 : 12) + 64);
  }
  auto scalar =
      parse(headerOf("{'shape':(),\"fortran_order\":True,'descr':'|b1'}"));
  ASSERT_TRUE(scalar);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_TRUE(scalar->fortranOrder);
  EXPECT_EQ(scalar->elements, 1);
  EXPECT_EQ(parse(headerOf("{'descr': '<f4', 'fortran_order': False, "
                           "'shape': (0,)}"))
                ->elements,
            0);
}

TEST(NpyHeader, WhatNoReaderTakesIsRefused) {
  for (const char *shape :
       {"(64 8)", "(64)", "(-1,)", "(,)", "(64,,8)", "(64, 8", "64, 8)",
        "[64, 8]", "(0x40, 8)", "(064, 8)", "(6.0,)", "(1e3,)", "(True,)",
        "(9223372036854775808,)", "(4294967296, 4294967296)", "None", "",
        "(64, 8) 3", "(64, 8)), (1,)"})
    EXPECT_FALSE(parse(headerOf("{'descr': '<i4', 'fortran_order': False, "
                                "'shape': " +
                                std::string(shape) + ", }")))
        << shape;
  for (const char *dictionary :
       {"{}", "", "{", "'descr'", "{'descr': '<i4', 'shape': (1,)}",
        "{'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<i4', 'fortran_order': False}",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<i4', 'fortran_order': Falsey, 'shape': (1,)}",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), "
        "'shape': (2,)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '<i4' 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1,)} ()"})
    EXPECT_FALSE(parse(headerOf(dictionary))) << dictionary;
  for (auto [major, minor] :
       {std::pair{0, 0}, {4, 0}, {9, 0}, {255, 0}, {1, 1}, {2, 9}})
    EXPECT_FALSE(parse(headerOf(kGood, major, minor))) << major << minor;
  EXPECT_FALSE(parse("not an array at all"));
  EXPECT_FALSE(parse(headerOf(std::string(2 << 20, ' '), 2)));
}

/// Any bytes give a header or a fault, and a header describes what is there.
TEST(NpyHeader, AnyBytes) {
  uint64_t state = 1;
  auto random = [&](uint64_t below) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % below;
  };
  const std::string good = headerOf(kGood + "\n");
  int64_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = good;
    for (uint64_t i = 0, n = 1 + random(4); i < n; ++i)
      switch (random(4)) {
      case 0:
        text[random(text.size())] = char(random(256));
        break;
      case 1:
        text[random(text.size())] = "{}()[]',: 0189-<>|fibTF"[random(23)];
        break;
      case 2:
        text.erase(random(text.size()), 1 + random(3));
        break;
      default:
        text.insert(random(text.size()), good, random(good.size()),
                    1 + random(12));
      }
    // A copy of the exact size: reading past it is found by a sanitizer.
    std::string exact(text);
    std::optional<NpyHeader> header = parse(exact);
    if (!header)
      continue;
    ++accepted;
    EXPECT_LE(header->dataOffset, int64_t(text.size()));
    int64_t elements = 1;
    for (int64_t size : header->shape) {
      EXPECT_GE(size, 0);
      elements *= size;
    }
    EXPECT_EQ(elements, header->elements);
  }
  EXPECT_GT(accepted, 10);
  EXPECT_LT(accepted, 19000);
}

} // namespace
