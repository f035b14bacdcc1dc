//===- CheckTest.cpp - The contract verifier refuses planted faults -------===//
//
// Partitions the examples of test/Partition, damages the result and expects
// one error about it, with the other place in a note.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/Ops/WholeOps.h"
#include "colossal/Partition/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <ctime>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace mlir;
using namespace colossal;

namespace {
class Check : public testing::Test {
protected:
  Check() { loadDialects(context); }

  static std::string readExample(const std::string &name) {
    std::ifstream file(std::string(COLOSSAL_SOURCE_DIR) + "/test/Partition/" +
                       name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  /// A planned module, partitioned.
  OwningOpRef<ModuleOp> partition(const std::string &text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module || failed(partition::partitionModule(*module)))
      return nullptr;
    return module;
  }

  /// The errors and notes of the check, one a line; empty if it passes.
  std::string check(ModuleOp module) {
    std::string messages;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
      for (Diagnostic &note : diagnostic.getNotes())
        messages += "note: " + note.str() + "\n";
      return success();
    });
    LogicalResult result = partition::checkPartition(module);
    EXPECT_EQ(failed(result), !messages.empty());
    return messages;
  }

  /// Damages example `name` and expects a message with `expected` in it and,
  /// where `note` is not empty, a note with that.
  void expectFault(const std::string &name,
                   llvm::function_ref<void(ModuleOp)> damage,
                   const std::string &expected, const std::string &note) {
    OwningOpRef<ModuleOp> module = partition(readExample(name));
    ASSERT_TRUE(module);
    ASSERT_EQ(check(*module), "");
    damage(*module);
    std::string messages = check(*module);
    EXPECT_NE(messages.find(expected), std::string::npos) << messages;
    if (!note.empty()) {
      size_t at = messages.find("note: ");
      EXPECT_NE(at, std::string::npos) << messages;
      EXPECT_NE(messages.find(note, at), std::string::npos) << messages;
    }
  }

  MLIRContext context;
};
} // namespace

/// The op of this kind and name in a function.
template <typename Op>
static Op find(ModuleOp module, StringRef function, StringRef name) {
  Op found;
  module.lookupSymbol<func::FuncOp>(function).walk([&](Op op) {
    if (op.getName() == name)
      found = op;
  });
  EXPECT_TRUE(found) << name.str();
  return found;
}

static void drop(Operation *op) {
  if (op->getNumResults())
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
  op->erase();
}

static ArrayAttr axes(MLIRContext *context, StringRef name) {
  return Builder(context).getStrArrayAttr({name});
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

TEST_F(Check, DroppedReduction) {
  expectFault(
      "data-parallel.mlir",
      [](ModuleOp m) {
        drop(find<AllReduceOp>(m, "group0.update", "dw/reduce"));
      },
      "'sgd' needs its operand as <[_], [_]>, found it as <[_], [_], partial "
      "{a0 = sum}>",
      "defined here");
}

TEST_F(Check, DoubledReduction) {
  expectFault(
      "data-parallel.mlir",
      [](ModuleOp m) {
        auto op = find<AllReduceOp>(m, "group0.update", "dw/reduce");
        OpBuilder builder(op->getContext());
        builder.setInsertionPointAfter(op);
        auto twice = AllReduceOp::create(
            builder, op.getLoc(), op.getType(), builder.getStringAttr("again"),
            op.getResult(), op.getAxes(),
            FactorKindAttr::get(op->getContext(), FactorKind::Sum));
        op.getResult().replaceAllUsesExcept(twice, twice);
      },
      "'again': found a reduction (sum) over 'a0', expected an operand that is "
      "partial over it",
      "defined here");
}

TEST_F(Check, WrongCombiner) {
  expectFault(
      "vocabulary.mlir",
      [](ModuleOp m) {
        find<AllReduceOp>(m, "stage0.forward", "max/all")
            .setCombiner(FactorKind::Sum);
      },
      "'max/all': found a reduction (sum) over 'a0'", "defined here");
}

TEST_F(Check, UnknownAxis) {
  expectFault(
      "vocabulary.mlir",
      [](ModuleOp m) {
        find<AllReduceOp>(m, "stage0.forward", "max/all")
            .setAxesAttr(axes(m.getContext(), "b1"));
      },
      "'max/all': found axis 'b1', expected an axis of the mesh", "defined");
}

TEST_F(Check, ReductionOverTime) {
  expectFault(
      "data-parallel.mlir",
      [](ModuleOp m) {
        find<AllReduceOp>(m, "group0.update", "dw/reduce")
            .setAxesAttr(axes(m.getContext(), "time"));
      },
      "'dw/reduce': found axis 'time', expected an axis of the mesh",
      "defined");
}

TEST_F(Check, WrongGroup) {
  std::string text = readExample("data-parallel.mlir");
  std::string mesh = "mesh<a0 = 2";
  text.replace(text.find(mesh), mesh.size(), mesh + ", a1 = 3");
  OwningOpRef<ModuleOp> module = partition(text);
  ASSERT_TRUE(module);
  ASSERT_EQ(check(*module), "");
  find<AllReduceOp>(*module, "group0.update", "dw/reduce")
      .setAxesAttr(axes(&context, "a1"));
  EXPECT_NE(check(*module).find("found a reduction (sum) over 'a1', expected "
                                "an operand that is partial over it"),
            std::string::npos);
}

TEST_F(Check, WrongSize) {
  expectFault(
      "zero-update.mlir",
      [](ModuleOp m) {
        auto op = find<ReduceScatterOp>(m, "group0.update", "dw/scatter");
        op.setOuter(7);
        op.setExtent(4);
        op.setInnermost(1);
      },
      "needs its operand as <[a0], [_]>, found it as <[_], [a0]>", "defined");
}

TEST_F(Check, GatherOfAnotherDimension) {
  expectFault(
      "zero-update.mlir",
      [](ModuleOp m) {
        auto op = find<AllGatherOp>(m, "group0.update", "w/gather");
        op.setOuter(7);
        op.setExtent(4);
        op.setInnermost(1);
      },
      "'w/gather': found a gather of [7, 4, 1], expected a sub-dimension there "
      "that these axes cut",
      "defined");
}

TEST_F(Check, ExchangeTurnedAround) {
  std::string text = readExample("tensor-parallel.mlir");
  text = text.substr(text.rfind("// -----"));
  OwningOpRef<ModuleOp> module = partition(text);
  ASSERT_TRUE(module);
  ASSERT_EQ(check(*module), "");
  find<AllToAllOp>(*module, "stage0.forward", "exchange").setGatherX(true);
  EXPECT_NE(check(*module).find("'exchange': found an exchange of"),
            std::string::npos);
}

TEST_F(Check, SliceOfAPartialValue) {
  expectFault(
      "zero-update.mlir",
      [](ModuleOp m) {
        auto op = find<ReduceScatterOp>(m, "group0.update", "dw/scatter");
        OpBuilder builder(op);
        auto slice = ShardSliceOp::create(
            builder, op.getLoc(), op.getType(), op.getNameAttr(), op.getInput(),
            op.getAxes(), op.getOuterAttr(), op.getExtentAttr(),
            op.getInnermostAttr());
        op.replaceAllUsesWith(slice.getResult());
        op.erase();
      },
      "'dw/scatter': found a slice, expected an operand that is replicated",
      "defined");
}

TEST_F(Check, WrongBoundOfAFactor) {
  OwningOpRef<ModuleOp> module = partition(readExample("vocabulary.mlir"));
  ASSERT_TRUE(module);
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  std::string bound = "v = 4 of 7 {a0(2) * 4}";
  for (size_t at = 0; (at = text.find(bound, at)) != std::string::npos;)
    text.replace(at, bound.size(), "v = 4 of 7 {a0(2) * 3}");
  module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  EXPECT_NE(check(*module).find("expected bound and strides from 4"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

TEST_F(Check, LostLink) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        m.lookupSymbol<func::FuncOp>("group1.prologue").erase();
        // Its sender goes too.
        find<SendOp>(m, "group0.prologue", "w/0->1").erase();
      },
      "found no earlier segment of device group 1 that produces the linked "
      "value 'w'",
      "");
}

TEST_F(Check, AccumulatorReadAsOne) {
  expectFault(
      "data-parallel.mlir",
      [](ModuleOp m) {
        m.lookupSymbol<func::FuncOp>("stage0.backward")
            .removeResultAttr(
                0, StringAttr::get(m.getContext(), names::accumulate));
      },
      "the ends of link 'dw' do not fit: it is a part for each microbatch and "
      "is not accumulated",
      "produced here");
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

TEST_F(Check, SendWithoutReceive) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        auto op = find<RecvOp>(m, "group0.update", "project/dw/1->0");
        op.getResult().replaceAllUsesWith(
            m.lookupSymbol<func::FuncOp>("group0.update").getArgument(0));
        op.erase();
      },
      "'project/dw/1->0' (group1.update): device group 0 never receives", "");
}

TEST_F(Check, ReceiveWithoutSend) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        find<SendOp>(m, "stage0.forward", "embed/0->1").erase();
      },
      "'embed/0->1' (stage1.forward): device group 0 never sends", "");
}

TEST_F(Check, CrossedTags) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        auto weight = find<RecvOp>(m, "group1.prologue", "w/0->1");
        auto hidden = find<RecvOp>(m, "stage1.forward", "embed/0->1");
        int64_t tag = weight.getTag();
        weight.setTag(hidden.getTag());
        hidden.setTag(tag);
      },
      "does not fit its send: the receive is in another segment",
      "the send is 'embed/0->1'");
}

TEST_F(Check, OtherElementType) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        auto op = find<RecvOp>(m, "stage0.backward", "project/dh/1->0");
        auto type = cast<RankedTensorType>(op.getType());
        op.getResult().setType(RankedTensorType::get(
            type.getShape(), Float64Type::get(m.getContext())));
      },
      "does not fit its send: types differ, found 'tensor<2x6xf64>', expected "
      "'tensor<2x6xf32>'",
      "the send is 'project/dh/1->0' (stage1.backward)");
}

TEST_F(Check, UsedTwiceTag) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        auto op = find<SendOp>(m, "stage0.forward", "embed/0->1");
        OpBuilder(op).clone(*op);
      },
      "is used twice between device groups 0 and 1",
      "the first time by 'embed/0->1'");
}

TEST_F(Check, PeerThatDoesNotExist) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        find<SendOp>(m, "stage0.forward", "embed/0->1").setPeer(2);
      },
      "found device group 2 as the other side", "");
}

// Each stage waits for the other before it sends.
TEST_F(Check, Deadlock) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        // Stage 1 sends back what it received; stage 0 wants that first.
        auto forward0 = m.lookupSymbol<func::FuncOp>("stage0.forward");
        auto send0 = find<SendOp>(m, "stage0.forward", "embed/0->1");
        auto recv1 = find<RecvOp>(m, "stage1.forward", "embed/0->1");
        OpBuilder builder(m.getContext());
        builder.setInsertionPointToStart(&forward0.getBody().front());
        auto recv0 = cast<RecvOp>(builder.clone(*recv1));
        recv0.setName("back");
        recv0.setPeer(1);
        recv0.setTag(100);
        builder.setInsertionPointAfter(recv1);
        SendOp::create(builder, send0.getLoc(), builder.getStringAttr("back"),
                       recv1.getResult(), builder.getI64IntegerAttr(0),
                       builder.getI64IntegerAttr(100));
      },
      "'back' (stage0.forward): deadlock under schedule '1f1b'",
      "microbatch 0 waits to receive 'embed/0->1' (stage1.forward)");
}

TEST_F(Check, ReceivedOutOfOrder) {
  expectFault(
      "stages.mlir",
      [](ModuleOp m) {
        auto send = find<SendOp>(m, "stage0.forward", "embed/0->1");
        auto receive = find<RecvOp>(m, "stage1.forward", "embed/0->1");
        OpBuilder builder(m.getContext());
        builder.setInsertionPointAfter(send);
        auto second = cast<SendOp>(builder.clone(*send));
        builder.setInsertionPoint(receive);
        auto first = cast<RecvOp>(builder.clone(*receive));
        second.setName("twice");
        first.setName("twice");
        second.setTag(100);
        first.setTag(100);
      },
      "'twice' (stage1.forward): is received out of order",
      "what is sent at this point is 'embed/0->1' (stage0.forward)");
}

// 16 384 ranks: nothing is enumerated.
TEST_F(Check, ManyRanks) {
  std::string text = readExample("stages.mlir");
  std::string mesh = "mesh<a0 = 2";
  text.replace(text.find(mesh), mesh.size(), "mesh<a0 = 8192");
  std::clock_t begin = std::clock();
  OwningOpRef<ModuleOp> module = partition(text);
  ASSERT_TRUE(module);
  EXPECT_EQ(check(*module), "");
  EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, 1.0);
}
