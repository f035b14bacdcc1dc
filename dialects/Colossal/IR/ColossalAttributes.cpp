//===- ColossalAttributes.cpp - Factors, index maps, shardings ------------===//

#include "Colossal/IR/FactoredSyntax.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;

#include "Colossal/IR/ColossalEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "Colossal/IR/ColossalAttributes.cpp.inc"

void ColossalDialect::registerColossalAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "Colossal/IR/ColossalAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// FactorAttr
//===----------------------------------------------------------------------===//

bool FactorAttr::isPadded() const {
  int64_t last = getBound();
  for (AxisTermAttr term : getTerms())
    last += (term.getSize() - 1) * term.getStride();
  return last > getExtent();
}

void FactorAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printFactor(printer, *this);
  printer << ">";
}

Attribute FactorAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<FactorAttr> factor = parseFactor(parser);
  if (failed(factor) || parser.parseGreater())
    return {};
  return *factor;
}

//===----------------------------------------------------------------------===//
// IndexMapAttr
//===----------------------------------------------------------------------===//

void IndexMapAttr::walk(
    llvm::function_ref<void(unsigned, unsigned, SubDimAttr)> visit) const {
  for (auto [dim, entry] : llvm::enumerate(getDims()))
    for (auto [position, sub] : llvm::enumerate(entry.getSubDims()))
      visit(dim, position, sub);
}

bool IndexMapAttr::uses(int64_t factor) const {
  return llvm::any_of(getDims(), [&](DimAttr dim) {
    return llvm::any_of(dim.getSubDims(), [&](SubDimAttr sub) {
      return sub.getFactor() == factor;
    });
  });
}

IndexMapAttr IndexMapAttr::replace(
    llvm::function_ref<SmallVector<SubDimAttr>(SubDimAttr)> rewrite) const {
  SmallVector<DimAttr> dims;
  for (DimAttr dim : getDims()) {
    SmallVector<SubDimAttr> subs;
    for (SubDimAttr sub : dim.getSubDims())
      llvm::append_range(subs, rewrite(sub));
    dims.push_back(DimAttr::get(getContext(), subs));
  }
  return get(getContext(), dims);
}

SmallVector<int64_t> IndexMapAttr::getShape() const {
  return llvm::map_to_vector(getDims(), [](DimAttr dim) {
    int64_t size = 1;
    for (SubDimAttr sub : dim.getSubDims())
      size *= sub.getBound();
    return size;
  });
}

bool IndexMapAttr::isPlain() const {
  return llvm::all_of(getDims(), [](DimAttr dim) {
    return llvm::all_of(dim.getSubDims(), [](SubDimAttr sub) {
      return sub.isPlain() || (sub.isConstant() && sub.getBound() == 1);
    });
  });
}

void IndexMapAttr::print(AsmPrinter &printer) const {
  printer << "<";
  // Alone there are no bounds to look up, so every one is printed.
  printer << "[";
  llvm::interleaveComma(getDims(), printer, [&](DimAttr dim) {
    printer << "(";
    llvm::interleaveComma(dim.getSubDims(), printer, [&](SubDimAttr sub) {
      if (!sub.isConstant())
        printer << "d" << sub.getFactor() << " + ";
      printer << sub.getOffset() << " of " << sub.getBound();
    });
    printer << ")";
  });
  printer << "]>";
}

Attribute IndexMapAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<IndexMapAttr> map = parseIndexMap(
      parser,
      [](StringRef name) -> int64_t {
        int64_t index = -1;
        if (!name.consume_front("d") || name.getAsInteger(10, index))
          return -1;
        return index;
      },
      [](int64_t) -> int64_t { return 0; });
  if (failed(map) || parser.parseGreater())
    return {};
  return *map;
}

//===----------------------------------------------------------------------===//
// ShardingAttr
//===----------------------------------------------------------------------===//

ArrayRef<StringAttr> ShardingAttr::getAxes(unsigned dim,
                                           unsigned subDim) const {
  return getDims()[dim].getSubDims()[subDim].getAxes();
}

bool ShardingAttr::isReplicated() const {
  return getPartial().empty() && llvm::all_of(getDims(), [](DimShardingAttr d) {
           return llvm::all_of(d.getSubDims(),
                               [](CutAttr a) { return a.getAxes().empty(); });
         });
}

void ShardingAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getDims(), printer, [&](DimShardingAttr dim) {
    printer << "[";
    llvm::interleaveComma(dim.getSubDims(), printer, [&](CutAttr axes) {
      if (axes.getAxes().empty())
        printer << "_";
      llvm::interleave(
          axes.getAxes(), printer,
          [&](StringAttr axis) { printer.printKeywordOrString(axis); }, " * ");
    });
    printer << "]";
  });
  if (!getPartial().empty()) {
    if (!getDims().empty())
      printer << ", ";
    printer << "partial {";
    llvm::interleaveComma(getPartial(), printer, [&](PartialAttr partial) {
      printer.printKeywordOrString(partial.getAxis());
      printer << " = " << stringifyFactorKind(partial.getCombiner());
    });
    printer << "}";
  }
  printer << ">";
}

Attribute ShardingAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SmallVector<DimShardingAttr> dims;
  SmallVector<PartialAttr> partial;
  auto parseAxes = [&](SmallVectorImpl<CutAttr> &subs) -> ParseResult {
    SmallVector<StringAttr> axes;
    std::string axis;
    do {
      if (parser.parseKeywordOrString(&axis))
        return failure();
      if (axis != "_")
        axes.push_back(StringAttr::get(context, axis));
    } while (succeeded(parser.parseOptionalStar()));
    subs.push_back(CutAttr::get(context, axes));
    return success();
  };
  auto parsePartial = [&]() -> ParseResult {
    std::string axis;
    StringRef kind;
    if (parser.parseKeywordOrString(&axis) || parser.parseEqual() ||
        parser.parseKeyword(&kind))
      return failure();
    std::optional<FactorKind> combiner = symbolizeFactorKind(kind);
    if (!combiner)
      return parser.emitError(parser.getCurrentLocation(),
                              "expected 'sum' or 'max'");
    partial.push_back(
        PartialAttr::get(context, StringAttr::get(context, axis), *combiner));
    return success();
  };
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::LessGreater, [&]() -> ParseResult {
            if (succeeded(parser.parseOptionalKeyword("partial")))
              return parser.parseCommaSeparatedList(
                  AsmParser::Delimiter::Braces, parsePartial);
            SmallVector<CutAttr> subs;
            if (parser.parseCommaSeparatedList(
                    AsmParser::Delimiter::Square,
                    [&]() { return parseAxes(subs); }))
              return failure();
            dims.push_back(DimShardingAttr::get(context, subs));
            return success();
          }))
    return {};
  return get(context, dims, partial);
}
