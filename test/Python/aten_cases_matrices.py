"""Rows of small matrices for aten_rows.py: inverses, solutions, determinants, factors, the exponential."""
import torch

from aten_cases import F64, rows

L = torch.linalg


def positive(x):
    return x @ x.mT + torch.eye(x.shape[-1], dtype=x.dtype)


def strong(x):
    """With a diagonal that no other element comes near."""
    return x + 4 * torch.eye(x.shape[-1], dtype=x.dtype)


rows("matrices", {
    "inverse": lambda d: (lambda x, y: (L.inv(x), torch.inverse(strong(y)), L.inv(strong(x[:, :1, :1])), L.inv(x[:, :0, :0])), [d.floats(2, 3, 3), d.floats(4, 4)]),
    "solve": lambda d: (lambda x, b: (L.solve(x, b), L.solve(x, b[..., 0]), L.solve(x[0], b[0, :, 0]), L.solve(x, b.mT, left=False), L.solve(x[0], b)), [d.floats(2, 3, 3), d.floats(2, 3, 4)]),
    "det": lambda d: (lambda x: (torch.det(x), L.det(x[0]), torch.logdet(positive(x)), torch.logdet(x), L.det(x[:, :1, :1]), torch.det(x[:, :0, :0]), torch.det(x[:, :, :1] * x[:, :1])), [d.floats(2, 3, 3)]),
    "slogdet": lambda d: (lambda x: (*torch.slogdet(x), *L.slogdet(x[0]), *torch.slogdet(x[:, :1, :1])), [d.floats(2, 3, 3)]),
    "cholesky": lambda d: (lambda x: (L.cholesky(positive(x)), L.cholesky(positive(x), upper=True), torch.cholesky(positive(x[0])), L.cholesky(positive(x).tril()), L.cholesky(positive(x[:, :1, :1]))), [d.floats(2, 3, 3)]),
    "by a Cholesky factor": lambda d: (lambda x, b: (torch.cholesky_solve(b, strong(x).tril()), torch.cholesky_solve(b, strong(x).triu(), upper=True), torch.cholesky_inverse(strong(x[0]).tril())), [d.floats(2, 3, 3), d.floats(2, 3, 2)]),
    "solve_triangular": lambda d: (lambda x, b: (L.solve_triangular(strong(x), b, upper=True), L.solve_triangular(x, b, upper=False, unitriangular=True), L.solve_triangular(strong(x), b.mT, upper=False, left=False), torch.triangular_solve(b, strong(x), upper=False, transpose=True)[0], L.solve_triangular(strong(x[0]), b, upper=True)), [d.floats(2, 3, 3), d.floats(2, 3, 2)]),
    "lu": lambda d: (lambda x: (*L.lu(x), *L.lu(x[:, :1, :1])), [d.floats(2, 4, 4)]),
    "matrix_exp": lambda d: (lambda x: (torch.matrix_exp(x), L.matrix_exp(x * 20), torch.matrix_exp(x[0, :1, :1] * 0)), [d.floats(2, 3, 3)]),
})
