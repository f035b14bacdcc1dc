//===- PrecisionTable.cpp - Which ops compute in 16 bits ------------------===//

#include "PrecisionTable.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/Transforms/NarrowOp.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace colossal;

/// ATen ops that stay f32 although what they are made of might not: the list of
/// torch.autocast, and its losses and transforms on CPUs. An op in place
/// (`exp_`) is listed as the other one.
static const llvm::StringSet<> &wideOps() {
  static const llvm::StringSet<> names = {
      // functions whose values or derivatives leave the range of few digits
      "acos", "asin", "cosh", "erfinv", "exp", "exp2", "expm1", "log", "log10",
      "log1p", "log2", "pow", "reciprocal", "rsqrt", "sinh", "softplus", "tan",
      "logit", "log_sigmoid", "logaddexp", "logaddexp2",
      // norms
      "layer_norm", "native_layer_norm", "group_norm", "native_group_norm",
      "batch_norm", "native_batch_norm", "instance_norm", "rms_norm", "norm",
      "linalg_norm", "linalg_vector_norm", "normalize", "renorm",
      "local_response_norm", "cosine_similarity", "cdist", "dist", "pdist",
      "pairwise_distance",
      // softmax
      "softmax", "_softmax", "log_softmax", "_log_softmax", "softmin",
      "logsumexp",
      // sums and products of many elements
      "sum", "nansum", "mean", "nanmean", "prod", "cumsum", "cumprod",
      "logcumsumexp", "var", "std", "var_mean", "std_mean", "trace",
      // losses
      "cross_entropy", "cross_entropy_loss", "nll_loss", "nll_loss_nd",
      "nll_loss2d", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss",
      "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div",
      "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss",
      "multi_margin_loss", "multilabel_margin_loss", "poisson_nll_loss",
      "gaussian_nll_loss", "soft_margin_loss", "triplet_margin_loss",
      "ctc_loss",
      // matrices
      "matrix_exp", "linalg_matrix_exp", "inverse", "linalg_inv",
      "linalg_inv_ex", "linalg_solve", "linalg_solve_ex",
      "linalg_solve_triangular", "det", "linalg_det", "slogdet",
      "linalg_slogdet", "logdet", "cholesky", "linalg_cholesky",
      "linalg_cholesky_ex", "cholesky_solve", "cholesky_inverse", "linalg_lu",
      // transforms and resolutions, which are products here
      "fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_fft2", "fft_ifft2",
      "fft_rfft2", "fft_irfft2", "fft_fftn", "fft_ifftn", "fft_rfftn",
      "fft_irfftn", "stft", "istft", "grid_sampler", "quantile", "nanquantile",
      "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d",
      "upsample_bicubic2d"};
  return names;
}

/// Ops with products whose other parts carry a state from step to step: f32, as
/// in PyTorch, where it is so by promotion with a first state of f32.
static const llvm::StringSet<> &recurrentOps() {
  static const llvm::StringSet<> names = {
      "lstm",      "gru",      "rnn_tanh",      "rnn_relu",
      "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"};
  return names;
}

StringRef colossal::atenCallOf(StringRef name) {
  size_t begin = name.rfind('/');
  begin = begin == StringRef::npos ? 0 : begin + 1;
  size_t dot = name.find('.', begin);
  if (dot == StringRef::npos)
    return name;
  return name.take_front(name.find('.', dot + 1));
}

static StringRef atenOpOf(StringRef name) {
  StringRef call = atenCallOf(name);
  StringRef op = call.substr(call.rfind('/') + 1).split('.').first;
  bool isInPlace = op.ends_with("_") && !op.ends_with("__");
  return isInPlace ? op.drop_back() : op;
}

PrecisionRule colossal::precisionRuleOf(FactoredOp op) {
  StringRef aten = atenOpOf(op.getFactoredName());
  if (wideOps().contains(aten) || op.getGroupAttr())
    return PrecisionRule::Wide;
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  if (!generic)
    return isa<NarrowOp>(op.getOperation()) ? PrecisionRule::Narrow
                                            : PrecisionRule::Wide;
  if (isSumOfProducts(generic))
    return PrecisionRule::Narrow;
  if (recurrentOps().contains(aten))
    return PrecisionRule::Wide;
  // What moves elements combines one term.
  if (generic.isAllParallel() || analyzeSelection(generic))
    return PrecisionRule::Promote;
  return PrecisionRule::Wide;
}
