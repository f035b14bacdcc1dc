#!/usr/bin/env python3
"""Makes the tiny archives beside this file. They are checked in, so that tests of Import need no Python.

    make_archives.py [-o FOLDER]

mlp.pt          a perceptron 8-16-5 with cross entropy, batch 4
gpt2_sdpa.pt    GPT-2: 1 layer, width 16, 4 heads, vocabulary 19, context 8, batch 4, fused attention
gpt2_eager.pt   the same with 3 heads of 4, attention in single steps, an untied head
tied.pt         one weight under two names, a frozen parameter, an updated buffer, a constant tensor

Archives that must be refused, or need help, with correct checksums (mlp.pt with one record changed):

bad_global.pt   its data names os.system
bad_opcode.pt   its data has an opcode that PyTorch does not write
outside.pt      a tensor is larger than its record
setstate.pt     a scripted module with a __setstate__
control.pt      a scripted module with a loop
transposed.pt   a parameter whose rows are not contiguous
nested.pt       code that is nested too deep for LibTorch's parser
meta.pt         a model made on the meta device, without weights
no_inputs.pt    mlp.pt without example inputs

Paths of the machine do not belong into the archives: the files of the traced functions are recorded
relative to the repository or as site-packages/...
"""
import argparse
import gc
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Tuple

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "examples"))

import torch
import torch.nn as nn
import torch.nn.functional as F

import export_gpt2
import export_mlp


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 4, bias=False)
        self.decoder = nn.Linear(4, 6, bias=False)
        self.decoder.weight = nn.Parameter(self.encoder.weight.detach().t().contiguous())
        self.again = nn.Linear(4, 6, bias=False)
        self.again.weight = self.decoder.weight
        self.scale = nn.Parameter(torch.full((6,), 0.5), requires_grad=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("offset", torch.arange(6, dtype=torch.float32), persistent=False)

    def forward(self, x):
        self.steps += 1
        hidden = self.encoder(x)
        first, second = (self.decoder(hidden) + self.again(hidden * 0.5)).split([2, 4], dim=1)
        y = torch.cat([first, second], dim=1) * self.scale + self.offset
        y = y[:, torch.tensor([5, 4, 3, 2, 1, 0])]
        return F.mse_loss(y, x)


class WithState(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]):
        self.weight, self.training = state

    def forward(self, x):
        return x * self.weight


class Control(nn.Module):
    def forward(self, x):
        for _ in range(x.size(0)):
            x = x * 2
        return x


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3).t())

    def forward(self, x):
        return (x @ self.weight).sum()


def rewrite(source, target, change):
    """Copies an archive; change(name, bytes) gives new bytes, or None to drop the record."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            contents = change(entry.filename.split("/", 1)[1], old.read(entry))
            if contents is not None:
                copy = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
                copy.compress_type = entry.compress_type
                new.writestr(copy, contents)


def replace_data(old, new):
    def change(name, contents):
        if name != "data.pkl":
            return contents
        assert old in contents
        return contents.replace(old, new, 1)
    return change


def make_refused(folder):
    mlp = folder / "mlp.pt"
    rewrite(mlp, folder / "bad_global.pt", replace_data(b"collections\nOrderedDict\n", b"os\nsystem\n"))
    rewrite(mlp, folder / "bad_opcode.pt", replace_data(b"\x80\x02", b"\x80\x02V1\n"))
    # ("storage", ..., 128) then offset 0 and sizes (16, 8)
    rewrite(mlp, folder / "outside.pt", replace_data(b"K\x00(K\x10K\x08t", b"K\x00(K\x10K\x09t"))
    rewrite(mlp, folder / "no_inputs.pt",
            lambda name, contents: None if name.startswith("traced_inputs") else contents)
    deep = 60000
    rewrite(mlp, folder / "nested.pt", lambda name, contents: contents.replace(
        b"weight = self.weight", b"weight = " + b"(" * deep + b"self.weight" + b")" * deep)
        if name == "code/__torch__/torch/nn/modules/linear.py" else contents)
    with torch.device("meta"):
        tiny = export_mlp.MLP([2, 2])
        inputs = torch.empty(1, 2), torch.empty(1, dtype=torch.int64)
    export_gpt2.trace(tiny, inputs).save(folder / "meta.pt")
    torch.jit.script(WithState()).save(folder / "setstate.pt")
    torch.jit.script(Control()).save(folder / "control.pt")
    export_gpt2.trace(Transposed(), (torch.ones(4, 3),)).save(folder / "transposed.pt")


def load_models():
    """Imports what is imported late, so that hide_paths sees all functions."""
    export_gpt2.build_gpt2(1, 4, 1, 5, 4)


def hide_paths():
    """Renames the file of every loaded function; the tracer records the call stack from these."""
    prefixes = [(str(ROOT) + "/", "")]
    prefixes += [(path.rstrip("/") + "/", "site-packages/") for path in sys.path if path.endswith("-packages")]
    prefixes.sort(key=lambda pair: -len(pair[0]))
    for function in gc.get_objects():
        if type(function) is not types.FunctionType:
            continue
        for prefix, short in prefixes:
            name = function.__code__.co_filename
            if name.startswith(prefix):
                function.__code__ = function.__code__.replace(co_filename=short + name[len(prefix):])
                break


def make(folder):
    trace = export_gpt2.trace
    sizes = (8, 16, 5)
    trace(export_mlp.build_mlp(sizes), export_mlp.example_batch(4, sizes)).save(folder / "mlp.pt")
    tokens = export_gpt2.example_batch(4, 8, 19)
    sdpa = export_gpt2.build_gpt2(1, 16, 4, 19, 8, "sdpa")
    trace(sdpa, tokens).save(folder / "gpt2_sdpa.pt")
    eager = export_gpt2.build_gpt2(1, 12, 3, 19, 8, "eager", tied=False)
    trace(eager, tokens).save(folder / "gpt2_eager.pt")
    torch.manual_seed(0)
    trace(Tied(), (torch.randn(3, 6),)).save(folder / "tied.pt")
    make_refused(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    # In a process of its own: the frames that call the tracer are recorded, too, and a running frame
    # cannot be renamed.
    script = f"import make_archives as m; m.load_models(); m.hide_paths(); m.make(m.Path({str(options.output)!r}))"
    subprocess.run([sys.executable, "-c", script], check=True,
                   env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)})


if __name__ == "__main__":
    main()
