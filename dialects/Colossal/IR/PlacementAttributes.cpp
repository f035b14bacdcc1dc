//===- PlacementAttributes.cpp - Words, meshes and strategies -------------===//
//
// Text and local constraints of the attributes that phases attach, and the
// attribute dictionary of ops that carry them.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// The enumerator of a word; `label` is the constraint that it is one.
template <class Enum, size_t count>
static FailureOr<Enum> parseWord(AsmParser &parser, StringRef label,
                                 const Enum (&all)[count]) {
  std::string word;
  SMLoc loc = parser.getCurrentLocation();
  bool isWord = succeeded(parser.parseOptionalKeywordOrString(&word));
  for (Enum value : all)
    if (isWord && word == nameOf(value))
      return value;
  InFlightDiagnostic diagnostic = parser.emitError(loc, label) << ": ";
  if (isWord)
    diagnostic << "found '" << word << "', ";
  diagnostic << "expected ";
  llvm::interleaveComma(all, diagnostic,
                        [&](Enum value) { diagnostic << nameOf(value); });
  return failure();
}

template <class WordAttr, class Enum, size_t count>
static Attribute parseWordAttr(AsmParser &parser, StringRef label,
                               const Enum (&all)[count]) {
  if (parser.parseLess())
    return {};
  FailureOr<Enum> value = parseWord(parser, label, all);
  if (failed(value) || parser.parseGreater())
    return {};
  return WordAttr::get(parser.getContext(), *value);
}

template <class Enum> static void printWord(AsmPrinter &printer, Enum value) {
  printer << "<";
  printer.printKeywordOrString(nameOf(value));
  printer << ">";
}

Attribute SegmentAttr::parse(AsmParser &parser, Type) {
  return parseWordAttr<SegmentAttr>(parser, "D3", allSegments);
}
void SegmentAttr::print(AsmPrinter &printer) const {
  printWord(printer, getValue());
}

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  return parseWordAttr<ScheduleAttr>(parser, "M3", allSchedules);
}
void ScheduleAttr::print(AsmPrinter &printer) const {
  printWord(printer, getValue());
}

Attribute RoleAttr::parse(AsmParser &parser, Type) {
  return parseWordAttr<RoleAttr>(parser, "F1", allRoles);
}
void RoleAttr::print(AsmPrinter &printer) const {
  printWord(printer, getValue());
}

//===----------------------------------------------------------------------===//
// MeshAttr
//===----------------------------------------------------------------------===//

LogicalResult MeshAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<MeshAxisAttr> axes) {
  int64_t devices = 1;
  llvm::SmallSet<StringRef, 4> seen;
  for (MeshAxisAttr axis : axes) {
    StringRef name = axis.getName().getValue();
    if (name.empty() || name == names::timeAxis || !seen.insert(name).second)
      return emitError() << "M1: found the axis '" << name
                         << "', expected distinct names, and not 'time'";
    if (axis.getSize() < 1 || axis.getSize() > kMaxCount ||
        (devices *= axis.getSize()) > kMaxCount)
      return emitError() << "M1: found '" << name << "' of size "
                         << axis.getSize()
                         << ", expected sizes of at least 1, and at most "
                         << kMaxCount << " devices";
  }
  return success();
}

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<MeshAxisAttr> axes;
  if (parser.parseCommaSeparatedList(
          AsmParser::Delimiter::LessGreater, [&]() -> ParseResult {
            std::string name;
            int64_t size = 0;
            if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
                parser.parseInteger(size))
              return failure();
            axes.push_back(MeshAxisAttr::get(
                context, StringAttr::get(context, name), size));
            return success();
          }))
    return {};
  return parser.getChecked<MeshAttr>(loc, context, ArrayRef(axes));
}

void MeshAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getAxes(), printer, [&](MeshAxisAttr axis) {
    printer.printKeywordOrString(axis.getName());
    printer << " = " << axis.getSize();
  });
  printer << ">";
}

//===----------------------------------------------------------------------===//
// AxesAttr
//===----------------------------------------------------------------------===//

/// What of D5 and D7 needs no op.
LogicalResult AxesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<AxisUseAttr> uses) {
  llvm::SmallSet<StringRef, 4> seen;
  for (AxisUseAttr use : uses) {
    StringRef axis = use.getAxis().getValue();
    if (!seen.insert(axis).second)
      return emitError() << "D5: found the axis '" << axis
                         << "' twice, expected it to cut one factor or to be "
                            "linear";
    llvm::SmallSet<int64_t, 8> operands;
    for (int64_t operand : use.getOperands())
      if (operand < 0 || !operands.insert(operand).second)
        return emitError() << "D7: found the operand " << operand
                           << " linear over '" << axis
                           << "', expected distinct numbers of operands";
    if (use.isLinear() == use.getOperands().empty())
      return emitError() << "D7: found no operands linear over '" << axis
                         << "', expected some, or a factor to cut";
  }
  return success();
}

static FailureOr<AxesAttr> parseAxes(AsmParser &parser,
                                     AsmParser::Delimiter delimiter) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<AxisUseAttr> uses;
  auto parseUse = [&]() -> ParseResult {
    std::string axis, factor;
    if (parser.parseKeywordOrString(&axis) || parser.parseEqual() ||
        parser.parseKeywordOrString(&factor))
      return failure();
    auto axisName = StringAttr::get(context, axis);
    // A factor may have the name `linear` too.
    if (factor != "linear" || failed(parser.parseOptionalLSquare())) {
      uses.push_back(
          AxisUseAttr::cut(axisName, StringAttr::get(context, factor)));
      return success();
    }
    SmallVector<int64_t> operands;
    if (parser.parseCommaSeparatedList(
            [&] { return parser.parseInteger(operands.emplace_back()); }) ||
        parser.parseRSquare())
      return failure();
    uses.push_back(AxisUseAttr::linear(axisName, operands));
    return success();
  };
  if (parser.parseCommaSeparatedList(delimiter, parseUse))
    return failure();
  auto axes = parser.getChecked<AxesAttr>(loc, context, ArrayRef(uses));
  if (!axes)
    return failure();
  return axes;
}

static void printUses(AsmPrinter &printer, AxesAttr axes) {
  llvm::interleaveComma(axes.getUses(), printer, [&](AxisUseAttr use) {
    printer.printKeywordOrString(use.getAxis());
    printer << " = ";
    if (!use.isLinear()) {
      printer.printKeywordOrString(use.getFactor());
      return;
    }
    printer << "linear [";
    llvm::interleaveComma(use.getOperands(), printer);
    printer << "]";
  });
}

Attribute AxesAttr::parse(AsmParser &parser, Type) {
  FailureOr<AxesAttr> axes =
      parseAxes(parser, AsmParser::Delimiter::LessGreater);
  return succeeded(axes) ? *axes : AxesAttr();
}

void AxesAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printUses(printer, *this);
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Attribute dictionaries of ops
//===----------------------------------------------------------------------===//

/// What stands after `name =`; `name` alone is a unit attribute.
static ParseResult parseValue(OpAsmParser &parser, StringRef name,
                              Attribute &value) {
  Builder &builder = parser.getBuilder();
  SMLoc loc = parser.getCurrentLocation();
  bool isText =
           llvm::is_contained({"group", "forward_of", "gradient_of"}, name),
       isMark = llvm::is_contained({"keep", "no_gradient"}, name);
  if (failed(parser.parseOptionalEqual())) {
    value = builder.getUnitAttr();
  } else if (name == "segment" || name == "pass") {
    FailureOr<Segment> segment =
        parseWord(parser, name == "pass" ? "D2" : "D3", allSegments);
    if (failed(segment))
      return failure();
    value = SegmentAttr::get(parser.getContext(), *segment);
  } else if (name == "axes") {
    FailureOr<AxesAttr> axes = parseAxes(parser, AsmParser::Delimiter::Braces);
    if (failed(axes))
      return failure();
    value = *axes;
  } else if (parser.parseAttribute(value, name == "stage" ? builder.getI64Type()
                                                          : Type())) {
    return failure();
  }
  if ((isText && !isa<StringAttr>(value)) || (isMark && !isa<UnitAttr>(value)))
    return parser.emitError(loc, "D1: found ")
           << name << " = " << value << ", expected "
           << (isText ? "a string" : "no value");
  return success();
}

ParseResult colossal::parseAttributes(OpAsmParser &parser,
                                      NamedAttrList &attributes) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::OptionalBraces, [&]() -> ParseResult {
        std::string name;
        SMLoc loc = parser.getCurrentLocation();
        Attribute value;
        if (parser.parseKeywordOrString(&name) ||
            parseValue(parser, name, value))
          return failure();
        if (attributes.set(name, value))
          return parser.emitError(loc, "found the attribute '")
                 << name << "' twice";
        return success();
      });
}

static void printValue(AsmPrinter &printer, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  printer.printKeywordOrString(name);
  if (isa<UnitAttr>(value))
    return;
  printer << " = ";
  if (auto segment = dyn_cast<SegmentAttr>(value);
      segment && (name == "segment" || name == "pass")) {
    printer << nameOf(segment.getValue());
  } else if (auto axes = dyn_cast<AxesAttr>(value); axes && name == "axes") {
    printer << "{";
    printUses(printer, axes);
    printer << "}";
  } else if (name == "stage") {
    printer.printAttributeWithoutType(value);
  } else {
    printer.printAttribute(value);
  }
}

void colossal::printAttributes(OpAsmPrinter &printer,
                               ArrayRef<NamedAttribute> attributes,
                               ArrayRef<StringRef> elided) {
  SmallVector<NamedAttribute> shown =
      llvm::filter_to_vector(attributes, [&](NamedAttribute attribute) {
        return !llvm::is_contained(elided, attribute.getName().getValue());
      });
  if (shown.empty())
    return;
  printer << " {";
  llvm::interleaveComma(shown, printer, [&](NamedAttribute attribute) {
    printValue(printer, attribute);
  });
  printer << "}";
}
