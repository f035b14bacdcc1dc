//===- JsonTest.cpp - JSON with errors that name the place ----------------===//

#include "colossal/Support/Json.h"

#include <gtest/gtest.h>

#include <functional>

using namespace colossal::json;

TEST(Json, WritesAndReadsBack) {
  Value inner = Value::object();
  inner.append("a", 1);
  inner.append("b", 0.1);
  inner.append("c", "x\"\n");
  Value list = Value::array();
  list.append(inner);
  list.append(Value());
  list.append(true);
  Value root = Value::object();
  root.append("list", list);
  root.append("large", int64_t(9007199254740993));
  root.append("whole", 2.0);
  std::string text = write(root);
  EXPECT_EQ(text,
            "{\n"
            "  \"list\": [{\"a\": 1, \"b\": 0.1, \"c\": \"x\\\"\\n\"}, null, "
            "true],\n"
            "  \"large\": 9007199254740993,\n"
            "  \"whole\": 2.0\n"
            "}\n");
  Document document("a.json");
  Reader reader = document.parse(text);
  EXPECT_EQ(reader.field("large").integer(), 9007199254740993);
  EXPECT_EQ(reader.field("list").elements()[0].field("b").number(), 0.1);
  EXPECT_EQ(reader.field("list").elements()[0].field("c").text(), "x\"\n");
  EXPECT_TRUE(reader.field("list").elements()[2].boolean());
  EXPECT_EQ(reader.field("whole").number(), 2.0);
  EXPECT_TRUE(document.ok()) << document.error();
}

TEST(Json, LongLinesAreBroken) {
  Value list = Value::array();
  for (int i = 0; i < 30; ++i)
    list.append(i * 100);
  Value root = Value::object();
  root.append("list", list);
  std::string text = write(root);
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1)
    EXPECT_LE(end - begin, 80u);
}

static std::string errorOf(const std::string &text,
                           const std::function<void(Reader)> &read) {
  Document document("a.json");
  read(document.parse(text));
  return document.error();
}

TEST(Json, ErrorsNameThePlace) {
  std::string text = R"({"a": {"b": [1, "two", 3.5]}, "c": null})";
  auto element = [](Reader root, size_t i) {
    return root.field("a").field("b").elements()[i];
  };
  EXPECT_EQ(errorOf(text, [&](Reader r) { element(r, 1).integer(); }),
            "a.json: field \"a.b[1]\": found \"two\", expected an integer");
  EXPECT_EQ(errorOf(text, [&](Reader r) { element(r, 2).integer(0, 9); }),
            "a.json: field \"a.b[2]\": found 3.5, expected an integer from 0 "
            "to 9");
  EXPECT_EQ(errorOf(text, [&](Reader r) { element(r, 0).integer(2); }),
            "a.json: field \"a.b[0]\": found 1, expected an integer of at "
            "least 2");
  EXPECT_EQ(errorOf(text, [&](Reader r) { element(r, 2).number(0, 1); }),
            "a.json: field \"a.b[2]\": found 3.5, expected a number from 0.0 "
            "to 1.0");
  EXPECT_EQ(errorOf(text, [](Reader r) { r.field("a").field("d"); }),
            "a.json: field \"a.d\": missing, expected it among the fields of "
            "\"a\"");
  EXPECT_EQ(errorOf(text, [](Reader r) { r.field("d"); }),
            "a.json: field \"d\": missing, expected it among the fields of "
            "the file");
  EXPECT_EQ(errorOf(text, [](Reader r) { r.field("a").elements(); }),
            "a.json: field \"a\": found an object, expected an array");
  EXPECT_EQ(errorOf(text, [](Reader r) { r.field("c").text(); }),
            "a.json: field \"c\": found null, expected a text");
  EXPECT_EQ(errorOf(text, [&](Reader r) { element(r, 1).choice({"x", "y"}); }),
            "a.json: field \"a.b[1]\": found \"two\", expected one of: "
            "\"x\", \"y\"");
  EXPECT_EQ(errorOf(text, [](Reader r) { r.expectFieldsAmong({"a", "b"}); }),
            "a.json: field \"c\": unknown, expected one of: a, b");
  EXPECT_EQ(errorOf("[1]", [](Reader r) { r.field("x"); }),
            "a.json: found an array, expected an object");
}

TEST(Json, OnlyTheFirstErrorIsKept) {
  EXPECT_EQ(errorOf(R"({"a": 1})",
                    [](Reader r) {
                      r.field("a").text();
                      r.field("b").field("c").elements();
                    }),
            "a.json: field \"a\": found 1, expected a text");
}

TEST(Json, SyntaxErrorsHaveLineAndColumn) {
  auto nothing = [](Reader) {};
  std::string error = errorOf("{\n  \"a\": 1,\n  \"b\" 2\n}", nothing);
  EXPECT_EQ(error.rfind("a.json: 3:7: not JSON: ", 0), 0u) << error;
  EXPECT_NE(errorOf("", nothing), "");
  EXPECT_NE(errorOf("{", nothing), "");
  EXPECT_NE(errorOf("{} {}", nothing), "");
  EXPECT_NE(errorOf("\"\xff\"", nothing), "");
  EXPECT_NE(errorOf(std::string(100000, '['), nothing), "");
  EXPECT_EQ(errorOf(R"({"a": 1, "a": 2})", nothing),
            "a.json: not JSON: found a second field \"a\" in the same object, "
            "expected different names");
  EXPECT_EQ(errorOf("{\"a\": 99999999999999999999}",
                    [](Reader r) { r.field("a").integer(); }),
            "a.json: field \"a\": found 1e+20, expected an integer");
}
