//===- ProductRows.cpp - Products written as others -----------------------===//

#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static Item times(Call &c, Item a, Item b) {
  return c.call("aten::mul.Tensor", {std::move(a), std::move(b)});
}

static Item einsum(Call &c, StringRef equation, std::vector<Item> operands) {
  return c.call("aten::einsum", {Item::makeText(equation),
                                 Item::makeList(std::move(operands)), Item()});
}

static Item outerOf(Call &c, const Item &a, const Item &b) {
  return times(c, c.call("aten::unsqueeze", {a, c.number(int64_t(1))}), b);
}

static void outer(Call &c) {
  if (c.type(0).getRank() != 1 || c.type(1).getRank() != 1)
    return c.error("expected two vectors");
  c.result(outerOf(c, c.item(0), c.item(1)));
}

/// So many letters from the `first` of the alphabet on.
static std::string letters(int64_t first, int64_t count) {
  std::string text;
  for (int64_t i = first; i < first + count; ++i)
    text += char(i < 26 ? 'a' + i : 'A' + i - 26);
  return text;
}

/// Sums over pairs of dimensions; the others of a, then those of b.
static void contractPairs(Call &c, SmallVector<int64_t> ofA,
                          SmallVector<int64_t> ofB) {
  int64_t rank = c.type(0).getRank(), other = c.type(1).getRank();
  if (ofA.size() != ofB.size() || rank + other > 52)
    return c.error("found " + Twine(ofA.size()) + " and " + Twine(ofB.size()) +
                   " dimensions to sum over, expected pairs");
  std::string a = letters(0, rank), b = letters(rank, other), out;
  for (auto [x, y] : llvm::zip(ofA, ofB)) {
    x = c.dimension(x, rank, 2);
    y = c.dimension(y, other, 3);
    if (c.failed())
      return;
    b[y] = a[x];
  }
  for (StringRef text : {StringRef(a), StringRef(b)})
    for (char letter : text)
      if (!StringRef(a).contains(letter) || !StringRef(b).contains(letter))
        out += letter;
  c.result(einsum(c, a + "," + b + "->" + out, {c.item(0), c.item(1)}));
}

static void tensordot(Call &c) {
  contractPairs(c, c.integers(2), c.integers(3));
}

/// Sums over the last dimensions; a number scales.
static void inner(Call &c) {
  if (c.type(0).getRank() == 0 || c.type(1).getRank() == 0)
    return c.result(times(c, c.item(0), c.item(1)));
  contractPairs(c, {-1}, {-1});
}

/// beta self + alpha product; with beta = 0 not even a NaN of self counts.
static void addTo(Call &c, Item product, unsigned beta, unsigned alpha) {
  if (c.failed())
    return;
  if (c.real(alpha) != 1)
    product = times(c, product, c.item(alpha));
  if (c.real(beta) == 0) {
    Item like = c.call("aten::zeros_like", {c.item(0)});
    return c.result(
        c.call("aten::add.Tensor", {product, like, c.number(int64_t(1))}));
  }
  Item self = c.real(beta) == 1 ? c.item(0) : times(c, c.item(0), c.item(beta));
  c.result(c.call("aten::add.Tensor", {self, product, c.number(int64_t(1))}));
}

static void addMatrixVector(Call &c) {
  if (c.type(1).getRank() != 2 || c.type(2).getRank() != 1)
    return c.error("expected a matrix and a vector");
  addTo(c, c.call("aten::mv", {c.item(1), c.item(2)}), 3, 4);
}

static void addOuter(Call &c) {
  if (c.type(1).getRank() != 1 || c.type(2).getRank() != 1)
    return c.error("expected two vectors");
  addTo(c, outerOf(c, c.item(1), c.item(2)), 3, 4);
}

/// The sum over a stack of products.
static void addProducts(Call &c) {
  if (c.type(1).getRank() != 3 || c.type(2).getRank() != 3)
    return c.error("expected operands of rank 3");
  addTo(c, einsum(c, "bmk,bkn->mn", {c.item(1), c.item(2)}), 3, 4);
}

/// sum_ij x[.., i] w[o, i, j] y[.., j] + bias.
static void bilinear(Call &c) {
  int64_t batch = c.type(0).getRank() - 1;
  if (batch < 0 || c.type(1).getRank() != batch + 1 ||
      c.type(2).getRank() != 3 || batch > 40)
    return c.error("expected two tensors of one rank and a weight of rank 3");
  std::string rows = letters(0, batch), i = letters(batch, 1),
              j = letters(batch + 1, 1), o = letters(batch + 2, 1);
  Item half = einsum(c, rows + i + "," + o + i + j + "->" + rows + o + j,
                     {c.item(0), c.item(2)});
  Item whole = einsum(c, rows + o + j + "," + rows + j + "->" + rows + o,
                      {half, c.item(1)});
  if (!c.isNone(3))
    whole =
        c.call("aten::add.Tensor", {whole, c.item(3), c.number(int64_t(1))});
  c.result(whole);
}

/// A chain of matrices, from the left.
static void chain(Call &c) {
  ArrayRef<Item> factors = c.list(0);
  if (factors.empty())
    return c.error("found no matrices");
  Item product = factors[0];
  for (const Item &next : factors.drop_front())
    product = c.call("aten::matmul", {product, next});
  c.result(product);
}

/// linalg_vecdot(a, b, dim): sums of products.
static void vectorProducts(Call &c) {
  Item products = c.call("aten::mul.Tensor", {c.item(0), c.item(1)});
  c.result(c.call("aten::sum.dim_IntList",
                  {products, c.numbers({c.isNone(2) ? -1 : c.integer(2)}),
                   c.truth(false), Item()}));
}

/// Every element of a times all of b.
static void kronecker(Call &c) {
  SmallVector<int64_t> a(c.type(0).getShape()), b(c.type(1).getShape());
  size_t rank = std::max(a.size(), b.size());
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  SmallVector<int64_t> left, right, sizes;
  for (auto [x, y] : llvm::zip(a, b)) {
    left.append({x, 1});
    right.append({1, y});
    sizes.push_back(x * y);
  }
  auto shaped = [&](Item x, ArrayRef<int64_t> shape) {
    return c.call("aten::reshape", {std::move(x), c.numbers(shape)});
  };
  c.result(shaped(c.call("aten::mul.Tensor",
                         {shaped(c.item(0), left), shaped(c.item(1), right)}),
                  sizes));
}

/// matrix_power(x, n) by squares.
static void matrixPower(Call &c) {
  int64_t power = c.integer(1);
  if (power < 1 || power > 64)
    return c.error("found the power " + Twine(power) +
                   " of a matrix, expected 1 to 64");
  Item product, square = c.item(0);
  for (int64_t rest = power; rest > 0; rest /= 2) {
    if (rest % 2)
      product =
          product.isNone() ? square : c.call("aten::matmul", {product, square});
    if (rest > 1)
      square = c.call("aten::matmul", {square, square});
  }
  c.result(c.tensor(product));
}

/// a x b along a dimension of size 3, the first such if none is given:
/// a[i + 1] b[i + 2] - a[i + 2] b[i + 1].
static void cross(Call &c) {
  ArrayRef<int64_t> shape = c.type(0).getShape();
  int64_t rank = shape.size(), dim = llvm::find(shape, 3) - shape.begin();
  if (!c.isNone(2))
    dim = c.dimension(2, rank);
  if (c.failed() || dim >= rank || shape[dim] != 3 ||
      c.type(1).getRank() != rank || c.type(1).getDimSize(dim) != 3)
    return c.error("expected vectors of three elements along one dimension");
  auto turned = [&](unsigned of, int64_t by) {
    return c.call("aten::roll",
                  {c.item(of), c.numbers({by}), c.numbers({dim})});
  };
  auto product = [&](int64_t by) {
    return c.call("aten::mul.Tensor", {turned(0, -by), turned(1, by)});
  };
  Item positive = product(1), negative = product(-1);
  c.result(
      c.call("aten::sub.Tensor", {positive, negative, c.number(int64_t(1))}));
}

void normalize::addProductRows(Table &table) {
  table.add("aten::outer", outer);
  table.add("aten::tensordot", tensordot);
  table.add("aten::inner", inner);
  table.add("aten::vdot", inner);
  table.add("aten::addmv", addMatrixVector);
  table.add("aten::addr", addOuter);
  table.add("aten::addbmm", addProducts);
  table.add("aten::bilinear", bilinear);
  table.add("aten::linalg_vecdot", vectorProducts);
  table.add("aten::kron", kronecker);
  table.add({"aten::matrix_power", "aten::linalg_matrix_power"}, matrixPower);
  table.add({"aten::cross", "aten::linalg_cross"}, cross);
  table.add({"aten::chain_matmul", "aten::linalg_multi_dot"}, chain);
}
