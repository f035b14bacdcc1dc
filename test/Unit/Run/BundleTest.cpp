//===- BundleTest.cpp - Bundles run by colossal-run -----------------------===//

#include "../../../lib/Run/Evaluation.h"
#include "BundleFixture.h"

using namespace colossal::rank;
using namespace colossal::rank::test;
namespace fs = std::filesystem;

namespace {

/// Outputs have any type of a program; numpy has no bf16.
TEST(Npy, EveryTypeHasAName) {
  const std::pair<DType, const char *> names[] = {
      {DType::F32, "<f4"}, {DType::F64, "<f8"}, {DType::I64, "<i8"},
      {DType::I32, "<i4"}, {DType::I1, "|b1"},  {DType::BF16, "|V2"},
      {DType::F16, "<f2"}, {DType::I16, "<i2"}, {DType::I8, "|i1"},
      {DType::U8, "|u1"}};
  for (auto [type, name] : names)
    EXPECT_NE(
        npyHeader({3, 2}, type).find(std::string("{'descr': '") + name + "', "),
        std::string::npos)
        << name;
}

/// What a file of one type is as another; nothing where it is refused.
template <class To, class From>
std::vector<To> converted(DType from, DType to, std::vector<From> numbers) {
  fs::path path = fs::temp_directory_path() /
                  ("colossal-npy-" + std::to_string(getpid()) + ".npy");
  writeText(path, npyHeader({int64_t(numbers.size())}, from) +
                      std::string(reinterpret_cast<char *>(numbers.data()),
                                  numbers.size() * sizeof(From)));
  std::string error;
  std::optional<NpyFile> file = NpyFile::open(path.string(), error);
  EXPECT_TRUE(file) << error;
  std::vector<To> result;
  if (file && file->converts(to)) {
    result.resize(numbers.size());
    EXPECT_TRUE(file->read(0, int64_t(numbers.size()), to,
                           reinterpret_cast<char *>(result.data())));
  }
  fs::remove(path);
  return result;
}

TEST(Npy, IntegersAreReadWhereTheyFit) {
  using Bytes = std::vector<uint8_t>;
  using Signed = std::vector<int8_t>;
  using Shorts = std::vector<int16_t>;
  Bytes bytes = {0, 127, 128, 255};
  Signed narrow = {-128, -1, 0, 127};
  Shorts shorts = {-32768, -1, 255, 32767};
  EXPECT_EQ(converted<uint8_t>(DType::U8, DType::U8, bytes), bytes);
  EXPECT_EQ(converted<int16_t>(DType::U8, DType::I16, bytes),
            Shorts(bytes.begin(), bytes.end()));
  EXPECT_EQ(converted<int64_t>(DType::U8, DType::I64, bytes),
            std::vector<int64_t>(bytes.begin(), bytes.end()));
  EXPECT_EQ(converted<int8_t>(DType::I8, DType::I8, narrow), narrow);
  EXPECT_EQ(converted<int16_t>(DType::I8, DType::I16, narrow),
            Shorts(narrow.begin(), narrow.end()));
  EXPECT_EQ(converted<int32_t>(DType::I16, DType::I32, shorts),
            std::vector<int32_t>(shorts.begin(), shorts.end()));
  // 255 has no place in a byte with a sign, -1 none in one without.
  EXPECT_TRUE(converted<int8_t>(DType::U8, DType::I8, bytes).empty());
  EXPECT_TRUE(converted<uint8_t>(DType::I8, DType::U8, narrow).empty());
  EXPECT_TRUE(converted<int8_t>(DType::I16, DType::I8, shorts).empty());
  EXPECT_TRUE(converted<uint8_t>(DType::I16, DType::U8, shorts).empty());
  EXPECT_TRUE(converted<uint8_t>(DType::I1, DType::U8, bytes).empty());
  EXPECT_TRUE(converted<uint8_t>(DType::U8, DType::I1, bytes).empty());
  EXPECT_TRUE(converted<float>(DType::U8, DType::F32, bytes).empty());
}

TEST_F(Bundle, TrainsAsTheReferenceUnderEveryPlan) {
  struct Plan {
    int64_t data, microbatches, groups;
    const char *options;
  };
  const Plan plans[] = {{1, 1, 1, ""},
                        {2, 2, 1, "--transport window"},
                        {2, 2, 1, "--transport=p2p"},
                        {1, 4, 2, "--threads 2"}};
  std::vector<std::vector<float>> found;
  for (const Plan &plan : plans) {
    writeBundle(plan.data, plan.microbatches, plan.groups);
    Outcome outcome =
        run("--steps 5 --seed 3 --metrics m.jsonl --report r.json "
            "--dump-state dump " +
            std::string(plan.options));
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("step 5/5  loss "), std::string::npos)
        << outcome.output;
    Reference want = reference(5, 3);
    std::vector<float> w0 = dumped("dump/w0.npy"), w1 = dumped("dump/w1.npy");
    for (size_t i = 0; i < w0.size(); ++i)
      EXPECT_NEAR(w0[i], want.w0[i], 2e-6);
    for (size_t i = 0; i < w1.size(); ++i)
      EXPECT_NEAR(w1[i], want.w1[i], 2e-6);
    found.push_back(w0);
    std::vector<nlohmann::json> steps = metrics("m.jsonl");
    ASSERT_EQ(steps.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(steps[i]["step"], i + 1);
      EXPECT_NEAR(steps[i]["loss"], want.losses[i], 2e-6);
      EXPECT_GT(steps[i]["seconds"], 0);
      EXPECT_GT(steps[i]["tokens_per_second"], 0);
      EXPECT_NEAR(
          steps[i]["lr"],
          0.1 * scheduleFactor(manifest.learningRate, int64_t(i) + 1, 5), 1e-9);
    }
    nlohmann::json report = nlohmann::json::parse(readText(folder / "r.json"));
    ASSERT_EQ(int64_t(report["ranks"].size()), manifest.worldSize);
    for (const auto &rank : report["ranks"]) {
      EXPECT_GT(rank["baseline_pss_bytes"], 1 << 20);
      EXPECT_GE(rank["measured_bytes"], 0);
      EXPECT_GT(rank["arena_bytes"], 0);
    }
    EXPECT_GT(report["measured_step_seconds_median"], 0);
  }
  EXPECT_EQ(found[1], found[2]) << "window and messages differ";
}

TEST_F(Bundle, SameRunTwiceIsBitwiseEqual) {
  writeBundle(2, 1, 1);
  ASSERT_EQ(run("--steps 4 --dump-state a --quiet").code, 0);
  ASSERT_EQ(run("--steps 4 --dump-state b --quiet").code, 0);
  EXPECT_EQ(dumped("a/w0.npy"), dumped("b/w0.npy"));
  EXPECT_EQ(dumped("a/w1.npy"), dumped("b/w1.npy"));
  ASSERT_EQ(run("--steps 4 --dump-state c --seed 1 --quiet").code, 0);
  EXPECT_NE(dumped("a/w0.npy"), dumped("c/w0.npy"));
}

TEST_F(Bundle, ErrorsAreOneLine) {
  writeBundle(2, 1, 1);
  expectError("-n 3", {"-n 3", "2 ranks", "-n 2"});
  expectError("--stpes 3", {"--stpes", "--help"});
  expectError("--steps 0", {"--steps", "'0'"});
  expectError("--data y=x.npy", {"--data y", "x, t"});
  expectError("--control beta=1", {"--control", "'beta'"});
  expectError("--dump-state /proc/no", {"--dump-state", "/proc/no"});
  expectError("--data x=x.npy", {"input 't'", "--data t=FILE.npy"}, false);
  expectError("--data x=x.npy --data t=x.npy",
              {"x.npy", "(60, 6)", "(samples, 3)", "'t'"}, false);
  expectError("--data x=x.npy --data t=none.npy", {"none.npy", "No such file"},
              false);
  writeText(folder / "ints.npy",
            npyHeader({kSamples, kOut}, DType::I32) +
                std::string(size_t(kSamples * kOut * 4), '\0'));
  expectError("--data x=x.npy --data t=ints.npy", {"ints.npy", "'<i4'", "f32"},
              false);
  std::string t = readText(folder / "t.npy");
  writeText(folder / "short.npy", t.substr(0, t.size() - 10));
  expectError("--data x=x.npy --data t=short.npy", {"short.npy", "cut off"},
              false);
  writeNpy(folder / "few.npy", {10, kOut}, std::vector<float>(10 * kOut));
  expectError("--data x=x.npy --data t=few.npy", {"few.npy", "10", "60"},
              false);
  EXPECT_EQ(run("--help").code, 0);
}

TEST_F(Bundle, DamagedBundlesAreRefused) {
  writeBundle(2, 1, 1);
  fs::path bundle = folder / "model.colossal";
  std::string weights = readText(bundle / "weights.bin"), bad = weights;
  bad[40] ^= 1;
  writeText(bundle / "weights.bin", bad);
  expectError("", {"weights.bin", "hash", "damaged", "--allow-edited"});
  expectError("--allow-edited", {"weights.bin", "'w0'", "checksum"});
  writeText(bundle / "weights.bin", weights.substr(0, 50));
  expectError("--allow-edited", {"weights.bin", "end of the file"});
  writeText(bundle / "weights.bin", weights);

  manifest.cpuFeatures = {"sse2", "avx1024f"};
  writeManifestFile();
  expectError("", {"avx1024f", "--target-cpu"});
  manifest.cpuFeatures.clear();
  manifest.mpi = "libmpi.so.12";
  writeManifestFile();
  expectError("", {"libmpi.so.12", mpiAbi()});
  manifest.mpi = mpiAbi();
  manifest.formatVersion = 99;
  writeManifestFile();
  expectError("", {"manifest.json", "formatVersion", "99"});
  manifest.formatVersion = kFormatVersion;
  manifest.states[0].globalShape = {kHidden, kIn};
  writeManifestFile();
  expectError("", {"group-0.json", "state 'w0'", "6x5", "5x6"});
  // An edit that is meant, and one that is not.
  writeBundle(2, 1, 1);
  std::string program = readText(bundle / "train/group-0.json");
  writeText(bundle / "train/group-0.json", program + " ");
  expectError("", {"group-0.json", "damaged or edited", "--allow-edited"});
  Outcome edited = run("--allow-edited");
  EXPECT_EQ(edited.code, 0) << edited.output;
  EXPECT_NE(edited.output.find("warning"), std::string::npos);
  fs::remove(bundle / "kernels.so");
  expectError("", {"kernels.so", "No such file"});
  fs::remove(bundle / "manifest.json");
  expectError("", {"manifest.json", "bundle"});

  writeBundle(2, 1, 1, [](Program &program) {
    for (Segment &segment : program.segments)
      for (Op &op : segment.ops)
        if (op.kind == OpKind::AllReduce)
          op.collective.elements -= 1;
  });
  expectError("", {"device group 0: update[0] all_reduce", "model.py:"});
  writeBundle(2, 1, 1, [](Program &program) {
    program.segments[1].ops.back().symbol = "gone";
  });
  expectError("", {"kernel 'gone'"});
}

// A kernel checks nothing: the manifest knows with what it may be called, and a
// program with hashes of its own is held to it.
TEST_F(Bundle, CallsOfKernelsAreThoseCompiled) {
  using Change = std::function<void(Program &, Op &)>;
  auto drop = [](Program &, Op &op) { op.operands.erase(op.operands.begin()); };
  std::vector<std::pair<Change, std::string>> changes = {
      {drop, "operands"},
      {[](Program &, Op &op) { op.indices.clear(); }, "0 indices"},
      {[](Program &, Op &op) { op.indices[0].constant += 1; }, "index 0"},
      {[](Program &, Op &op) { op.indices[0].terms = {{"data", 1}}; },
       "index 0"},
      {[](Program &, Op &op) {
         op.indices[0].terms = {{"data", std::numeric_limits<int64_t>::max()}};
       },
       "index 0"},
      {[](Program &, Op &op) { op.operands[0].offset += 4; }, "operand 0"},
      {[](Program &, Op &op) { op.range += 1; }, "iterations"},
      {[](Program &, Op &op) { op.operands.push_back(op.operands[0]); },
       "operands"},
      {[](Program &, Op &op) { op.symbol = "sgd"; }, "operands"},
  };
  for (auto &[change, word] : changes) {
    writeBundle(2, 1, 1);
    std::string path = (folder / "model.colossal/train/group-0.json").string(),
                error;
    std::optional<Program> program = readProgram(readText(path), path, error);
    ASSERT_TRUE(program) << error;
    Op &op = program->segments[1].ops.back();
    ASSERT_EQ(op.symbol, "loss");
    change(*program, op);
    writeText(path, writeProgram(*program));
    writeManifestFile();
    expectError("", {"device group 0: forward[", word, "by the manifest"});
  }
}

TEST(Data, OrderOfManySamplesNeedsNoList) {
  for (int64_t samples :
       {SampleOrder::kListed + 1, SampleOrder::kListed * 2 - 3}) {
    SampleOrder order(samples, true, 7);
    order.setEpoch(2);
    std::vector<bool> seen(size_t(samples), false);
    int64_t fixed = 0;
    for (int64_t i = 0; i < samples; ++i) {
      int64_t at = order.at(i);
      ASSERT_GE(at, 0);
      ASSERT_LT(at, samples);
      ASSERT_FALSE(seen[size_t(at)]) << at;
      seen[size_t(at)] = true;
      fixed += at == i;
    }
    EXPECT_LT(fixed, 20);
  }
  // More than could be listed at all.
  SampleOrder order(int64_t(1) << 40, true, 7),
      other(int64_t(1) << 40, true, 8);
  order.setEpoch(0);
  other.setEpoch(0);
  EXPECT_NE(order.at(5), other.at(5));
  int64_t first = order.at(5);
  order.setEpoch(1);
  EXPECT_NE(order.at(5), first);
  order.setEpoch(0);
  EXPECT_EQ(order.at(5), first);
  EXPECT_EQ(SampleOrder(int64_t(1) << 40, false, 7).at(123), 123);
}

TEST(Data, OrderIsAPermutationThatDependsOnSeedAndEpoch) {
  std::vector<int64_t> a, b, sorted;
  orderOfEpoch(a, 1000, true, 7, 3);
  orderOfEpoch(b, 1000, true, 7, 3);
  EXPECT_EQ(a, b);
  sorted = a;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i)
    EXPECT_EQ(sorted[size_t(i)], i);
  EXPECT_NE(a, sorted);
  orderOfEpoch(b, 1000, true, 7, 4);
  EXPECT_NE(a, b);
  orderOfEpoch(b, 1000, true, 8, 3);
  EXPECT_NE(a, b);
  orderOfEpoch(b, 1000, false, 7, 3);
  EXPECT_EQ(b, sorted);
}

// A run that goes on: with the same batch size nothing differs; with another
// one the samples behind the cursor come first, then whole epochs.
TEST(Data, ARunGoesOnWithTheNextSample) {
  fs::path path = fs::temp_directory_path() /
                  ("colossal-cursor-" + std::to_string(getpid()) + ".npy");
  writeNpy(path, {23}, std::vector<float>(23, 0));
  std::string error;
  auto open = [&](int64_t batch) {
    ProgramSchema schema;
    schema.inputs = {{"x", DType::F32, {batch}, 0}};
    auto data = DataSet::open(schema, {{"x", path.string()}}, true, 5, error);
    EXPECT_TRUE(data) << error;
    return data;
  };
  auto samples = [](DataSet &data, int64_t step, int64_t batch) {
    const int64_t *all = data.batch(step);
    return std::vector<int64_t>(all, all + batch);
  };
  auto whole = open(4);
  for (int64_t done = 0; done < 13; ++done) {
    auto rest = open(4);
    rest->startAt(done + 1, whole->cursorOf(done + 1));
    for (int64_t step = done + 1; step < done + 15; ++step)
      EXPECT_EQ(samples(*rest, step, 4), samples(*whole, step, 4));
  }
  // Seven steps of four: two of the second epoch, samples 8 and so on of it.
  DataCursor next = whole->cursorOf(8);
  EXPECT_EQ(next.epoch, 1);
  EXPECT_EQ(next.position, 8);
  auto other = open(6);
  other->startAt(8, next);
  std::vector<int64_t> order, found;
  for (int64_t step = 8; step < 13; ++step)
    for (int64_t sample : samples(*other, step, 6))
      found.push_back(sample);
  orderOfEpoch(order, 23, true, 5, 1);
  std::vector<int64_t> wanted(order.begin() + 8, order.begin() + 20);
  orderOfEpoch(order, 23, true, 5, 2);
  wanted.insert(wanted.end(), order.begin(), order.begin() + 18);
  EXPECT_EQ(found, wanted);
  fs::remove(path);
}

TEST(Data, ShardsOfABatchAreItsElements) {
  // Batch dimension 1, data x time, an uneven second cut, widening integers.
  fs::path path = fs::temp_directory_path() /
                  ("colossal-data-" + std::to_string(getpid()) + ".npy");
  std::vector<int32_t> values;
  for (int32_t i = 0; i < 9 * 2 * 3; ++i)
    values.push_back(i - 20);
  writeText(path, npyHeader({9, 2, 3}, DType::I32) +
                      std::string(reinterpret_cast<char *>(values.data()),
                                  values.size() * 4));
  ProgramSchema schema;
  schema.inputs = {{"ids", DType::I64, {2, 4, 3}, 1}};
  std::string error;
  std::optional<DataSet> data =
      DataSet::open(schema, {{"ids", path.string()}}, true, 5, error);
  ASSERT_TRUE(data) << error;
  ASSERT_EQ(data->stepsPerEpoch(), 2);
  ProgramBuilder b({{"data", 2}, {"tensor", 2}}, 2);
  b.input("ids", {b.cut(2), b.cut(4, {"data", "time"}), b.cut(3, {"tensor"})},
          DType::I64, 1, 2);
  const Input &input = b.program.inputs[0];
  for (int64_t step = 1; step <= 5; ++step) {
    std::vector<int64_t> batch(data->batch(step), data->batch(step) + 4);
    for (int64_t device = 0; device < 4; ++device)
      for (int64_t m = 0; m < 2; ++m) {
        int64_t local[2][1][2];
        memset(local, 0, sizeof(local));
        ASSERT_TRUE(data->fill(input, coordinateOf(b.program, device, m),
                               DType::I64, step,
                               reinterpret_cast<char *>(local), error))
            << error;
        for (int64_t i = 0; i < 2; ++i)
          for (int64_t j = 0; j < 2; ++j) {
            int64_t row = device / 2 * 2 + m, column = device % 2 * 2 + j;
            int64_t want =
                column < 3 ? batch[size_t(row)] * 6 + i * 3 + column - 20 : 0;
            EXPECT_EQ(local[i][0][j], want);
          }
      }
  }
  fs::remove(path);
}

TEST(Evaluation, EverySampleIsInOnePart) {
  for (int64_t batch = 1; batch <= 24; ++batch)
    for (int64_t samples = 0; samples <= 60; ++samples) {
      int64_t next = 0;
      for (const EvaluationPart &part : evaluationParts(samples, batch)) {
        EXPECT_EQ(part.first, next);
        EXPECT_EQ(batch % part.count, 0) << batch << " of " << samples;
        next += part.count;
      }
      EXPECT_EQ(next, samples);
    }
}

TEST(Data, ValuesOutsideTheVocabularyAreRefused) {
  fs::path path = fs::temp_directory_path() /
                  ("colossal-ids-" + std::to_string(getpid()) + ".npy");
  ProgramSchema schema;
  schema.inputs = {{"ids", DType::I64, {2, 3}, 0, 0, 49, {-100}, "'e.0'"}};
  schema.unusedInputs = {"mask"};
  ProgramBuilder b({{"data", 1}});
  b.input("ids", {b.cut(2), b.cut(3)}, DType::I64, 0);
  std::string error;
  auto open = [&](const std::vector<int64_t> &values) {
    writeText(path, npyHeader({4, 3}, DType::I64) +
                        std::string(reinterpret_cast<const char *>(&values[0]),
                                    values.size() * 8));
    auto data =
        DataSet::open(schema, {{"ids", path.string()}, {"mask", "/no/file"}},
                      false, 0, error);
    EXPECT_TRUE(data) << error;
    return data;
  };
  std::vector<int64_t> good = {0, 49, -100, 1, 2, 3, -100, 0, 0, 5, 6, 7};
  auto data = open(good);
  ASSERT_TRUE(data);
  EXPECT_TRUE(data->check(0, 1, error)) << error;
  int64_t batch[6];
  auto *to = reinterpret_cast<char *>(batch);
  for (int64_t value :
       {int64_t(50), int64_t(-1), int64_t(-101), INT64_MAX, INT64_MIN}) {
    std::vector<int64_t> bad = good;
    bad[10] = value;
    data = open(bad);
    ASSERT_TRUE(data);
    // Ranks look at parts; one of them finds it.
    EXPECT_TRUE(data->check(0, 2, error)) << error;
    EXPECT_FALSE(data->check(1, 2, error)) << value;
    std::string want = path.string() + ": sample 3, element 1: found " +
                       std::to_string(value) + ", expected 0 to 49 or -100";
    EXPECT_EQ(error.find(want), 0u) << error;
    EXPECT_NE(error.find("input 'ids', which 'e.0' looks up"),
              std::string::npos)
        << error;
    // What load does not see is seen when it is read.
    EXPECT_TRUE(data->fill(b.program.inputs[0], coordinateOf(b.program, 0),
                           DType::I64, 1, to, error))
        << error;
    EXPECT_FALSE(data->fill(b.program.inputs[0], coordinateOf(b.program, 0),
                            DType::I64, 2, to, error));
    EXPECT_EQ(error.find(want), 0u) << error;
  }
  // Files that change while they are used.
  data = open(good);
  ASSERT_TRUE(data);
  fs::resize_file(path, fs::file_size(path) - 4);
  EXPECT_FALSE(data->fill(b.program.inputs[0], coordinateOf(b.program, 0),
                          DType::I64, 2, to, error));
  EXPECT_NE(error.find("changed"), std::string::npos) << error;
  data = open(good);
  ASSERT_TRUE(data);
  fs::last_write_time(path,
                      fs::last_write_time(path) - std::chrono::seconds(1));
  EXPECT_FALSE(data->fill(b.program.inputs[0], coordinateOf(b.program, 0),
                          DType::I64, 1, to, error));
  EXPECT_NE(error.find("has changed"), std::string::npos) << error;
  fs::remove(path);
}

TEST(Checksum, IsThatOfZip) {
  EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
  EXPECT_EQ(crc32(crc32(0, "12345", 5), "6789", 4), 0xcbf43926u);
}

} // namespace
