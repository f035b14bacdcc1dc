//===- FactoredSyntax.cpp - Text form of factors, maps and factored ops ---===//

#include "Colossal/IR/FactoredSyntax.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace colossal;

//===----------------------------------------------------------------------===//
// Factors and maps
//===----------------------------------------------------------------------===//

void colossal::printFactor(AsmPrinter &printer, FactorAttr factor) {
  printer << factor.getName() << " = " << factor.getBound();
  if (factor.isLocal() || factor.getExtent() != factor.getBound()) {
    printer << " of " << factor.getExtent() << " {";
    llvm::interleaveComma(factor.getTerms(), printer, [&](AxisTermAttr term) {
      printer.printKeywordOrString(term.getAxis());
      printer << "(" << term.getSize() << ") * " << term.getStride();
    });
    printer << "}";
  }
  if (!factor.isParallel())
    printer << " : " << stringifyFactorKind(factor.getKind());
}

FailureOr<FactorAttr> colossal::parseFactor(AsmParser &parser) {
  std::string name;
  int64_t bound = 0;
  if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
      parser.parseInteger(bound))
    return failure();
  int64_t extent = bound;
  SmallVector<AxisTermAttr> terms;
  if (succeeded(parser.parseOptionalKeyword("of"))) {
    if (parser.parseInteger(extent) ||
        parser.parseCommaSeparatedList(
            AsmParser::Delimiter::OptionalBraces, [&]() -> ParseResult {
              std::string axis;
              int64_t size = 1, stride = 0;
              if (parser.parseKeywordOrString(&axis) || parser.parseLParen() ||
                  parser.parseInteger(size) || parser.parseRParen() ||
                  parser.parseStar() || parser.parseInteger(stride))
                return failure();
              terms.push_back(AxisTermAttr::get(
                  parser.getContext(),
                  StringAttr::get(parser.getContext(), axis), size, stride));
              return success();
            }))
      return failure();
  }
  FactorKind kind = FactorKind::Parallel;
  if (succeeded(parser.parseOptionalColon())) {
    StringRef keyword;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<FactorKind> parsed = symbolizeFactorKind(keyword);
    if (!parsed) {
      parser.emitError(loc, "found factor kind '")
          << keyword << "', expected 'parallel', 'sum' or 'max'";
      return failure();
    }
    kind = *parsed;
  }
  return FactorAttr::get(parser.getContext(), name, bound, kind, extent, terms);
}

static void printSubDim(AsmPrinter &printer, SubDimAttr sub,
                        llvm::function_ref<std::string(int64_t)> nameOf) {
  if (sub.isConstant()) {
    printer << sub.getOffset() << " of " << sub.getBound();
    return;
  }
  printer << nameOf(sub.getFactor());
  if (sub.getClipped())
    printer << (sub.getOffset() >= 0 ? " + " : " - ")
            << std::abs(sub.getOffset()) << " of " << sub.getBound();
}

void colossal::printIndexMap(AsmPrinter &printer, IndexMapAttr map,
                             llvm::function_ref<std::string(int64_t)> nameOf) {
  printer << "[";
  llvm::interleaveComma(map.getDims(), printer, [&](DimAttr dim) {
    bool single = dim.getSubDims().size() == 1;
    if (!single)
      printer << "(";
    llvm::interleaveComma(dim.getSubDims(), printer, [&](SubDimAttr sub) {
      printSubDim(printer, sub, nameOf);
    });
    if (!single)
      printer << ")";
  });
  printer << "]";
}

FailureOr<IndexMapAttr>
colossal::parseIndexMap(AsmParser &parser,
                        llvm::function_ref<int64_t(StringRef)> factorOf,
                        llvm::function_ref<int64_t(int64_t)> boundOf) {
  MLIRContext *context = parser.getContext();
  auto parseSubDim = [&](SmallVectorImpl<SubDimAttr> &subs) -> ParseResult {
    int64_t constant = 0;
    OptionalParseResult parsed = parser.parseOptionalInteger(constant);
    int64_t bound = 0;
    if (parsed.has_value()) {
      if (*parsed || parser.parseKeyword("of") || parser.parseInteger(bound))
        return failure();
      subs.push_back(SubDimAttr::get(context, -1, constant, bound));
      return success();
    }
    std::string name;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeywordOrString(&name))
      return failure();
    int64_t factor = factorOf(name);
    if (factor < 0)
      return parser.emitError(loc, "found '")
             << name << "', expected the name of a factor";
    int64_t offset = 0;
    bool clipped = false;
    bound = boundOf(factor);
    bool plus = succeeded(parser.parseOptionalPlus());
    bool minus = !plus && succeeded(parser.parseOptionalMinus());
    if (plus || minus) {
      clipped = true;
      if (parser.parseInteger(offset) || parser.parseKeyword("of") ||
          parser.parseInteger(bound))
        return failure();
    } else {
      // `s -1 of 4` is lexed as a negative integer.
      OptionalParseResult negative = parser.parseOptionalInteger(offset);
      if (negative.has_value() && (*negative || parser.parseKeyword("of") ||
                                   parser.parseInteger(bound)))
        return failure();
    }
    if (minus)
      offset = -offset;
    subs.push_back(SubDimAttr::get(context, factor, offset, bound, clipped));
    return success();
  };
  SmallVector<DimAttr> dims;
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square, [&]() -> ParseResult {
            SmallVector<SubDimAttr> subs;
            if (succeeded(parser.parseOptionalLParen())) {
              if (succeeded(parser.parseOptionalRParen())) {
                dims.push_back(DimAttr::get(context, {}));
                return success();
              }
              if (parser.parseCommaSeparatedList(
                      [&]() { return parseSubDim(subs); }) ||
                  parser.parseRParen())
                return failure();
            } else if (parseSubDim(subs)) {
              return failure();
            }
            dims.push_back(DimAttr::get(context, subs));
            return success();
          }))
    return failure();
  return IndexMapAttr::get(context, dims);
}

//===----------------------------------------------------------------------===//
// Factored ops
//
//   colossal.generic "name" [b = 4, k = 8 : sum] (%x : [b, k]) -> ([b])
//       attributes {...} { body } : (types) -> types
//===----------------------------------------------------------------------===//

ParseResult colossal::parseFactored(OpAsmParser &parser, OperationState &result,
                                    ArrayRef<FactoredParameter> parameters) {
  Builder &builder = parser.getBuilder();
  std::string name;
  if (parser.parseString(&name))
    return failure();
  result.addAttribute("name", builder.getStringAttr(name));
  for (const FactoredParameter &parameter : parameters) {
    Attribute value;
    if (parser.parseKeyword(parameter.name) ||
        parser.parseAttribute(value, parameter.type, parameter.name,
                              result.attributes))
      return failure();
  }
  SmallVector<FactorAttr> factors;
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square, [&]() -> ParseResult {
            FailureOr<FactorAttr> factor = parseFactor(parser);
            if (failed(factor))
              return failure();
            factors.push_back(*factor);
            return success();
          }))
    return failure();
  auto factorOf = [&](StringRef text) -> int64_t {
    for (auto [index, factor] : llvm::enumerate(factors))
      if (factor.getName() == text)
        return index;
    return -1;
  };
  auto boundOf = [&](int64_t index) { return factors[index].getBound(); };
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Attribute> operandMaps, resultMaps;
  auto parseMap = [&](SmallVectorImpl<Attribute> &maps) -> ParseResult {
    FailureOr<IndexMapAttr> map = parseIndexMap(parser, factorOf, boundOf);
    if (failed(map))
      return failure();
    maps.push_back(*map);
    return success();
  };
  SMLoc operandLoc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Paren,
          [&]() -> ParseResult {
            return failure(parser.parseOperand(operands.emplace_back()) ||
                           parser.parseColon() || parseMap(operandMaps));
          }) ||
      parser.parseArrow() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                     [&]() { return parseMap(resultMaps); }) ||
      (succeeded(parser.parseOptionalKeyword("attributes")) &&
       parseAttributes(parser, result.attributes)))
    return failure();
  Region *body = result.addRegion();
  FunctionType type;
  OptionalParseResult region = parser.parseOptionalRegion(*body);
  if ((region.has_value() && failed(*region)) || parser.parseColonType(type) ||
      parser.resolveOperands(operands, type.getInputs(), operandLoc,
                             result.operands))
    return failure();
  // Without a body: one that yields nothing.
  if (body->empty()) {
    OpBuilder inner(parser.getContext());
    inner.createBlock(body);
    YieldOp::create(inner, result.location);
  }
  result.addTypes(type.getResults());
  SmallVector<Attribute> factorList(factors.begin(), factors.end());
  result.addAttribute("factors", builder.getArrayAttr(factorList));
  result.addAttribute("operandMaps", builder.getArrayAttr(operandMaps));
  result.addAttribute("resultMaps", builder.getArrayAttr(resultMaps));
  return result.name.verifyInherentAttrs(result.attributes, [&] {
    return parser.emitError(operandLoc, "'") << result.name << "' op ";
  });
}

static bool yieldsNothing(Region &body) {
  return body.hasOneBlock() && body.getNumArguments() == 0 &&
         llvm::hasSingleElement(body.front()) &&
         isa<YieldOp>(body.front().front()) &&
         body.front().front().getNumOperands() == 0;
}

void colossal::printFactored(OpAsmPrinter &printer, FactoredOp op,
                             ArrayRef<FactoredParameter> parameters) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  auto nameOf = [&](int64_t index) {
    return index < int64_t(factors.size()) ? factors[index].getName().str()
                                           : "d" + std::to_string(index);
  };
  printer << ' ';
  printer.printString(op.getFactoredName());
  SmallVector<StringRef> printed = {"name", "factors", "operandMaps",
                                    "resultMaps"};
  for (const FactoredParameter &parameter : parameters) {
    printer << ' ' << parameter.name << ' ';
    printer.printAttributeWithoutType(op->getAttr(parameter.name));
    printed.push_back(parameter.name);
  }
  printer << " [";
  llvm::interleaveComma(factors, printer, [&](FactorAttr factor) {
    printFactor(printer, factor);
  });
  printer << "] (";
  llvm::interleaveComma(
      llvm::enumerate(op->getOperands()), printer, [&](auto it) {
        printer << it.value() << " : ";
        printIndexMap(printer, op.getOperandMap(it.index()), nameOf);
      });
  printer << ") -> (";
  llvm::interleaveComma(llvm::seq<unsigned>(0, op->getNumResults()), printer,
                        [&](unsigned index) {
                          printIndexMap(printer, op.getResultMap(index),
                                        nameOf);
                        });
  printer << ")";
  if (llvm::any_of(op->getAttrs(), [&](NamedAttribute attribute) {
        return !llvm::is_contained(printed, attribute.getName());
      })) {
    printer << " attributes";
    printAttributes(printer, op->getAttrs(), printed);
  }
  if (Region &body = op->getRegion(0); !yieldsNothing(body)) {
    printer << ' ';
    printer.printRegion(body);
  }
  printer << " : ";
  printer.printFunctionalType(op->getOperandTypes(), op->getResultTypes());
}

ParseResult GenericOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFactored(parser, result, {});
}
void GenericOp::print(OpAsmPrinter &printer) {
  printFactored(printer, *this, {});
}
