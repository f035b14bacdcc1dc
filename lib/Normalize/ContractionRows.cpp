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

/// einsum(equation, operands): a letter is a factor, summed over if the result
/// does not have it.
static void einsum(Call &c) {
  std::string equation;
  for (char letter : c.text(0))
    if (letter != ' ')
      equation += letter;
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> subscripts;
  left.split(subscripts, ',');
  ArrayRef<Item> operands = c.list(1);
  if (!StringRef(equation).contains("->") ||
      StringRef(equation).contains("...") ||
      subscripts.size() != operands.size() || operands.size() > 2)
    return c.error("equation '" + c.text(0) +
                   "' (expected one or two operands, '->', and no '...')");
  GenericBuilder g = c.generic();
  llvm::SmallDenseMap<char, SmallVector<int64_t>> factors;
  llvm::SmallDenseMap<char, int64_t> sizes;
  Type type;
  SmallVector<Value> values;
  for (auto [item, letters] : llvm::zip(operands, subscripts)) {
    Value value = c.tensor(item);
    auto own = cast<RankedTensorType>(value.getType());
    if (own.getRank() != int64_t(letters.size()) ||
        (type && type != own.getElementType()))
      return c.error("the operands do not fit equation '" + c.text(0) + "'");
    type = own.getElementType();
    Dims dims = dimsOf(value);
    for (auto [letter, size, dim] : llvm::zip(letters, own.getShape(), dims)) {
      int64_t &known = sizes.try_emplace(letter, size).first->second;
      if (known != size || letters.count(letter) > 1)
        return c.error("subscript '" + Twine(letter) +
                       "' stands for different sizes, or twice in one operand");
      if (factors.count(letter) || size == 1)
        continue;
      if (dim.size() == 1)
        dim[0].name = std::string(1, letter);
      factors[letter] = addFactors(g, dim,
                                   right.contains(letter) ? FactorKind::Parallel
                                                          : FactorKind::Sum);
    }
    values.push_back(value);
  }
  auto mapOf = [&](StringRef letters) {
    DimFactors dims;
    for (char letter : letters)
      dims.push_back(factors.lookup(letter));
    return plainMap(g, dims);
  };
  for (auto [value, letters] : llvm::zip(values, subscripts))
    g.operand(value, mapOf(letters));
  for (char letter : right)
    if (!sizes.count(letter) || right.count(letter) > 1)
      return c.error("equation '" + c.text(0) + "'");
  g.result(type, mapOf(right));
  c.result(g.build([](ScalarBuilder &s, ValueRange in) {
    return in.size() == 1 ? in[0] : s.mul(in[0], in[1]);
  }));
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
