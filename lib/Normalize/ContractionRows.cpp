//===- ContractionRows.cpp - Matrix products ------------------------------===//

#include "Dtypes.h"
#include "Elementwise.h"
#include "Product.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

Value normalize::contract(Call &c, const Product &p, StringRef suffix) {
  auto aType = cast<RankedTensorType>(p.a.getType()),
       bType = cast<RankedTensorType>(p.b.getType());
  Type type = aType.getElementType();
  int64_t aRank = aType.getRank(), bRank = bType.getRank();
  int64_t aBatch = aRank - (p.aIsVector ? 1 : 2),
          bBatch = bRank - (p.bIsVector ? 1 : 2);
  int64_t bK = p.bIsVector || p.bTransposed ? bRank - 1 : bRank - 2;
  int64_t bN = p.bTransposed ? bRank - 2 : bRank - 1;
  if (aType.getDimSize(aRank - 1) != bType.getDimSize(bK))
    c.error("found " + Twine(aType.getDimSize(aRank - 1)) +
            " columns in the first matrix and " + Twine(bType.getDimSize(bK)) +
            " rows in the second");
  if (aType.getElementType() != bType.getElementType())
    c.error("the operands of a matrix product have different dtypes");
  SmallVector<int64_t> batch =
      broadcast(c, {aType.getShape().take_front(aBatch),
                    bType.getShape().take_front(bBatch)});
  GenericBuilder g = c.generic(suffix);
  if (c.failed()) {
    g.result(type, "[]");
    return g.build([&](ScalarBuilder &s, ValueRange) { return s.zero(type); });
  }
  Dims aDims = dimsOf(p.a), bDims = dimsOf(p.b);
  DimFactors batchFactors;
  int64_t rank = batch.size();
  for (int64_t d = 0; d < rank; ++d) {
    int64_t inA = d - (rank - aBatch), inB = d - (rank - bBatch);
    bool fromA = inA >= 0 && aType.getDimSize(inA) == batch[d];
    batchFactors.push_back(addFactors(
        g, batch[d] == 1 ? Dim{} : (fromA ? aDims[inA] : bDims[inB])));
  }
  SmallVector<int64_t> m, n, k;
  if (!p.aIsVector)
    m = addFactors(g, aDims[aRank - 2]);
  auto named = [](Dim dim, StringRef name) {
    if (dim.size() == 1)
      dim[0].name = name.str();
    return dim;
  };
  if (!p.bIsVector)
    n = addFactors(g, named(bDims[bN], "n"));
  // The finer of both decompositions, if one refines the other.
  Dim kDim = aDims[aRank - 1].size() >= bDims[bK].size() ? aDims[aRank - 1]
                                                         : bDims[bK];
  k = addFactors(g, named(kDim, "k"), FactorKind::Sum);

  auto batchOf = [&](int64_t count, RankedTensorType of) {
    DimFactors dims;
    for (int64_t d = 0; d < count; ++d)
      dims.push_back(of.getDimSize(d) == 1 ? SmallVector<int64_t>{}
                                           : batchFactors[rank - count + d]);
    return dims;
  };
  DimFactors aMap = batchOf(aBatch, aType), bMap = batchOf(bBatch, bType),
             out = batchFactors;
  if (!p.aIsVector) {
    aMap.push_back(m);
    out.push_back(m);
  }
  aMap.push_back(k);
  if (!p.bIsVector) {
    bMap.push_back(p.bTransposed ? n : k);
    bMap.push_back(p.bTransposed ? k : n);
    out.push_back(n);
  } else {
    bMap.push_back(k);
  }
  g.operand(p.a, plainMap(g, aMap));
  g.operand(p.b, plainMap(g, bMap));
  g.result(type, plainMap(g, out));
  return g.build(
      [](ScalarBuilder &s, ValueRange in) { return s.mul(in[0], in[1]); });
}

/// beta bias + alpha product.
static Value addBias(Call &c, Value product, const Item &bias, double beta,
                     double alpha, StringRef suffix = "bias") {
  ElementwiseOptions options;
  options.compute = getElementTypeOrSelf(product.getType());
  options.suffix = suffix;
  std::vector<Item> operands = {
      c.state.fresh(product, c.op.getName(), c.loc())};
  if (beta != 0) // otherwise not even a NaN of the bias counts
    operands.push_back(bias);
  else if (alpha == 1)
    return product;
  return c.tensor(
      elementwise(c, operands, options, [&](ScalarBuilder &s, ValueRange in) {
        auto scaled = [&](Value x, double factor) {
          return factor == 1 ? x : s.mul(s.constant(x.getType(), factor), x);
        };
        Value sum = scaled(in[0], alpha);
        return beta != 0 ? s.add(sum, scaled(in[1], beta)) : sum;
      }));
}

/// x weight^T + bias.
static void linear(Call &c) {
  Product p{c.tensor(0), c.tensor(1)};
  auto weight = cast<RankedTensorType>(p.b.getType());
  p.aIsVector = c.type(0).getRank() == 1;
  p.bIsVector = weight.getRank() == 1;
  p.bTransposed = !p.bIsVector;
  if (c.failed() || c.type(0).getRank() == 0 || weight.getRank() == 0)
    return c.error("expected a tensor with dimensions");
  Value product = contract(c, p);
  if (!c.failed())
    c.result(c.isNone(2) ? product : addBias(c, product, c.item(2), 1, 1));
}

static void matmul(Call &c) {
  Product p{c.tensor(0), c.tensor(1)};
  p.aIsVector = c.type(0).getRank() == 1;
  p.bIsVector = c.type(1).getRank() == 1;
  if (c.failed() || c.type(0).getRank() == 0 || c.type(1).getRank() == 0)
    return c.error("expected tensors with dimensions");
  Value product = contract(c, p);
  if (!c.failed())
    c.result(product);
}

/// Exactly matrices (rank 2), or stacks of them (rank 3).
template <int64_t rank> static void product(Call &c) {
  if (c.type(0).getRank() != rank || c.type(1).getRank() != rank)
    return c.error("expected operands of rank " + Twine(rank));
  matmul(c);
}

/// beta self + alpha a b.
template <int64_t rank> static void addProduct(Call &c) {
  if (c.type(1).getRank() != rank || c.type(2).getRank() != rank)
    return c.error("expected operands of rank " + Twine(rank));
  Value product = contract(c, Product{c.tensor(1), c.tensor(2)});
  double beta = c.real(3), alpha = c.real(4);
  if (!c.failed())
    c.result(addBias(c, product, c.item(0), beta, alpha));
}

//===----------------------------------------------------------------------===//
// Einstein sums
//===----------------------------------------------------------------------===//

namespace {
/// An equation with its operands: a letter is a dimension, and summed over if
/// the result does not have it.
struct EinsteinSum {
  std::vector<Item> operands;
  SmallVector<std::string> letters; ///< of each operand
  std::string result;
};
} // namespace

/// Letters for the dimensions that `...` stands for: the last ones of the most
/// that any operand has.
static bool spellEllipsis(Call &c, EinsteinSum &sum, bool &hasEllipsis) {
  int64_t most = 0;
  std::string used = sum.result;
  for (StringRef text : sum.letters)
    used += text;
  SmallVector<int64_t> counts;
  for (auto [item, text] : llvm::zip(sum.operands, sum.letters)) {
    int64_t rank = cast<RankedTensorType>(c.tensor(item).getType()).getRank();
    bool spelled = StringRef(text).contains("...");
    hasEllipsis |= spelled;
    counts.push_back(spelled ? rank - int64_t(text.size()) + 3 : 0);
    if (counts.back() < 0)
      return false;
    most = std::max(most, counts.back());
  }
  std::string names;
  for (char letter = 'A'; letter <= 'z' && int64_t(names.size()) < most;
       ++letter)
    if (llvm::isAlpha(letter) && !StringRef(used).contains(letter))
      names += letter;
  auto replace = [&](std::string &text, int64_t count) {
    if (size_t place = text.find("..."); place != std::string::npos)
      text.replace(place, 3, names.substr(names.size() - count));
  };
  for (auto [text, count] : llvm::zip(sum.letters, counts))
    replace(text, count);
  replace(sum.result, most);
  return int64_t(names.size()) == most;
}

/// Reads the equation; without `->` the result has what `...` stands for, then
/// the letters that occur once, in order.
static FailureOr<EinsteinSum> readEquation(Call &c) {
  std::string equation;
  for (char letter : c.text(0))
    if (letter != ' ')
      equation += letter;
  EinsteinSum sum;
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> subscripts;
  left.split(subscripts, ',');
  sum.operands = c.list(1).vec();
  bool isExplicit = StringRef(equation).contains("->");
  if (subscripts.size() != sum.operands.size() || subscripts.empty())
    return failure();
  for (StringRef text : subscripts)
    sum.letters.push_back(text.str());
  if (isExplicit) {
    sum.result = right.str();
  } else {
    if (left.contains("..."))
      sum.result = "...";
    for (char letter = 'A'; letter <= 'z'; ++letter)
      if (llvm::isAlpha(letter) && left.count(letter) == 1)
        sum.result += letter;
  }
  bool hasEllipsis = false;
  if (!spellEllipsis(c, sum, hasEllipsis))
    return failure();
  auto areLetters = [](StringRef text) {
    return llvm::all_of(text, [](char l) { return llvm::isAlpha(l); });
  };
  for (auto [item, text] : llvm::zip(sum.operands, sum.letters)) {
    int64_t rank = cast<RankedTensorType>(c.tensor(item).getType()).getRank();
    if (rank != int64_t(text.size()) || !areLetters(text))
      return failure();
  }
  for (char letter : sum.result)
    if (!llvm::isAlpha(letter) || StringRef(sum.result).count(letter) > 1 ||
        llvm::none_of(sum.letters,
                      [&](StringRef text) { return text.contains(letter); }))
      return failure();
  return sum;
}

/// An operand that has a letter twice: its diagonal, as the last dimension.
static void takeDiagonals(Call &c, Item &operand, std::string &letters) {
  for (size_t first = 0; first < letters.size();) {
    size_t second = letters.find(letters[first], first + 1);
    if (second == std::string::npos) {
      ++first;
      continue;
    }
    operand = c.call("aten::diagonal",
                     {operand, c.number(int64_t(0)), c.number(int64_t(first)),
                      c.number(int64_t(second))});
    letters += letters[first];
    letters.erase(second, 1);
    letters.erase(first, 1);
  }
}

/// The product of one or two operands, summed over letters that `result` does
/// not have. Size 1 broadcasts.
static Item sumOfProducts(Call &c, ArrayRef<Item> operands,
                          ArrayRef<std::string> letters, StringRef result) {
  GenericBuilder g = c.generic();
  llvm::SmallDenseMap<char, SmallVector<int64_t>> factors;
  llvm::SmallDenseMap<char, int64_t> sizes;
  SmallVector<Value> values;
  Type type;
  for (auto [item, text] : llvm::zip(operands, letters)) {
    Value value = c.tensor(item);
    auto own = cast<RankedTensorType>(value.getType());
    if (type && type != own.getElementType())
      c.error("found operands of different types");
    type = own.getElementType();
    for (auto [letter, size, dim] :
         llvm::zip(text, own.getShape(), dimsOf(value))) {
      int64_t &known = sizes.try_emplace(letter, size).first->second;
      if (known == 1)
        known = size;
      if (size != known && size != 1)
        c.error("subscript '" + Twine(letter) + "' stands for sizes " +
                Twine(known) + " and " + Twine(size));
      if (size == 1 || factors.count(letter))
        continue;
      Dim named = dim;
      if (named.size() == 1)
        named[0].name = std::string(1, letter);
      factors[letter] = addFactors(
          g, named,
          result.contains(letter) ? FactorKind::Parallel : FactorKind::Sum);
    }
    values.push_back(value);
  }
  if (c.failed())
    return {};
  for (auto [value, text] : llvm::zip(values, letters)) {
    DimFactors dims;
    for (auto [letter, size] :
         llvm::zip(text, cast<RankedTensorType>(value.getType()).getShape()))
      dims.push_back(size == 1 ? SmallVector<int64_t>{}
                               : factors.lookup(letter));
    g.operand(value, plainMap(g, dims));
  }
  DimFactors out;
  for (char letter : result)
    out.push_back(factors.lookup(letter));
  g.result(type, plainMap(g, out));
  Value value = g.build([](ScalarBuilder &s, ValueRange in) {
    return in.size() == 1 ? in[0] : s.mul(in[0], in[1]);
  });
  return Item(c.state.fresh(value, c.op.getName(), c.loc()));
}

/// einsum(equation, operands): two operands at a time, from the left; each
/// product keeps what later operands or the result have.
static void einsum(Call &c) {
  FailureOr<EinsteinSum> sum = readEquation(c);
  if (failed(sum))
    return c.error("equation '" + c.text(0) + "' does not fit its operands");
  for (auto [item, text] : llvm::zip(sum->operands, sum->letters))
    takeDiagonals(c, item, text);
  Item product = sum->operands[0];
  std::string letters = sum->letters[0];
  size_t count = sum->operands.size();
  if (count == 1)
    product = sumOfProducts(c, {product}, {letters}, sum->result);
  for (size_t i = 1; i < count && !c.failed(); ++i) {
    bool isLast = i + 1 == count;
    std::string later = sum->result, kept;
    for (size_t j = i + 1; j < count; ++j)
      later += sum->letters[j];
    for (char letter : letters + sum->letters[i])
      if (StringRef(later).contains(letter) &&
          !StringRef(kept).contains(letter))
        kept += letter;
    if (isLast)
      kept = sum->result;
    product = sumOfProducts(c, {product, sum->operands[i]},
                            {letters, sum->letters[i]}, kept);
    letters = kept;
  }
  if (!c.failed())
    c.result(product);
}

void normalize::addContractionRows(Table &table) {
  table.add("aten::linear", linear);
  table.add("aten::matmul", matmul);
  table.add("aten::mm", product<2>);
  table.add("aten::bmm", product<3>);
  table.add("aten::mv", matmul);
  table.add("aten::dot", matmul);
  table.add("aten::addmm", addProduct<2>);
  table.add("aten::einsum", einsum);
  table.add("aten::baddbmm", addProduct<3>);
}
