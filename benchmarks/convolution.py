#!/usr/bin/env python3
"""Every convolution of two residual networks against PyTorch eager, on pinned cores, in alternating rounds.

    convolution.py [--batch 4] [--threads 1] [--max-cpu x86-64-v3] [--rounds 3] [--steps 3] [--work DIR] [--json FILE]

Forward and both backward passes by themselves; a step of the networks is `train_step.py resnet18`. Ours are
the ops of a step of conv, relu, conv, relu, conv with equal shapes (`--profile`), the one in the middle; where
the shapes of input and output differ, it lies between 1 x 1 convolutions. PyTorch's are calls of its ops by
themselves. The ratio is to the better of PyTorch's two layouts.
"""
import argparse
import json
import re
import shutil
import sys
import time

from common import BIN, OLDER, TUNED, add_options, execute, pin, print_table, run_bundle, write_json

OPTIMIZER = "sgd:lr=0.01,momentum=0.9"
# Input channels, positions, output channels, taps, stride: of 224 x 224 images.
SHAPES = [(3, 224, 64, 7, 2), (64, 56, 64, 3, 1), (64, 56, 128, 3, 2), (128, 28, 128, 3, 1), (128, 28, 256, 3, 2),
          (256, 14, 256, 3, 1), (256, 14, 512, 3, 2), (512, 7, 512, 3, 1), (64, 56, 128, 1, 2), (64, 56, 256, 1, 1),
          (256, 56, 64, 1, 1), (512, 28, 128, 1, 1), (1024, 14, 256, 1, 1), (512, 7, 2048, 1, 1)]
PASSES = ("convolution", "convolution_backward_data", "convolution_backward_weights")


def stack_of(inputs, size, outputs, taps, stride):
    """The convolution between two others, so that it has an input with a gradient."""
    import torch
    from torch import nn
    torch.manual_seed(0)
    around = (taps, taps // 2) if inputs == outputs else (1, 0)
    layers = [nn.Conv2d(inputs, inputs, around[0], 1, around[1], bias=False), nn.ReLU(),
              nn.Conv2d(inputs, outputs, taps, stride, taps // 2, bias=False), nn.ReLU(),
              nn.Conv2d(outputs, outputs, around[0], 1, around[1], bias=False)]

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return self.layers(x).square().mean()

    return Stack()


def name_of(shape):
    inputs, size, outputs, taps, stride = shape
    return f"{taps}x{taps}" + (f"/{stride}" if stride > 1 else "") + f" {inputs}-{outputs} at {size}"


def shapes_worker(options):
    """Times of PyTorch's ops: {shape: {pass: seconds}}."""
    import torch
    torch.set_num_threads(options.threads)
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    result = {}
    for inputs, size, outputs, taps, stride in SHAPES:
        after = (size + 2 * (taps // 2) - taps) // stride + 1
        x, w, y = (torch.randn(*shape).contiguous(memory_format=layout) for shape in (
            (options.batch, inputs, size, size), (outputs, inputs, taps, taps), (options.batch, outputs, after, after)))
        steps, padding = [stride] * 2, [taps // 2] * 2

        def backward(*mask):
            torch.ops.aten.convolution_backward(y, x, w, None, steps, padding, [1, 1], False, [0, 0], 1, [*mask, False])

        calls = (lambda: torch.conv2d(x, w, None, steps, padding), lambda: backward(True, False),
                 lambda: backward(False, True))
        own = result[name_of((inputs, size, outputs, taps, stride))] = {}
        for name, call in zip(PASSES, calls):
            times = []
            for _ in range(options.steps + 1):
                begin = time.perf_counter()
                call()
                times.append(time.perf_counter() - begin)
            own[name] = min(times[1:])
    print(json.dumps(result))


class Bench:
    def __init__(self, options):
        self.options = options
        self.pin = pin(options.threads)
        self.environment = OLDER if options.max_cpu else {}

    def pytorch(self, worker, channels_last):
        options = self.options
        command = [*self.pin, sys.executable, __file__, "--worker", worker, "--threads", options.threads, "--steps",
                   options.steps, "--batch", options.batch, "--work", options.work]
        done = execute(command + (["--channels-last"] if channels_last else []), **TUNED, **self.environment)
        return json.loads(done.stdout.splitlines()[-1])

    def compile(self, name, model, inputs):
        import numpy as np
        import torch
        work = self.options.work
        for key, value in inputs.items():
            np.save(work / f"{name}-{key}.npy", value)
        archive, bundle = work / f"{name}.pt", work / f"{name}.colossal"
        torch.jit.trace(model, tuple(torch.from_numpy(value) for value in inputs.values()),
                        check_trace=False).save(archive)
        shutil.rmtree(bundle, ignore_errors=True)
        execute([*self.pin, BIN / "colossal-compile", archive, "--cluster", "local:1",
                 *(part for key in inputs for part in ("--batch", key)), "--pin", "microbatches=1", "--optimizer",
                 OPTIMIZER, "-o", bundle], **self.environment)
        return bundle

    def ours(self, bundle, name, inputs, *more):
        files = {key: self.options.work / f"{name}-{key}.npy" for key in inputs}
        return run_bundle(self.options, bundle, files, *more, before=self.pin, **self.environment)

    def shapes(self):
        import numpy as np
        options, result = self.options, {}
        profile, bundles = options.work / "profile.txt", {}
        for shape in SHAPES:
            inputs = {"x": np.random.default_rng(0).standard_normal(
                (options.batch, shape[0], shape[1], shape[1]), dtype=np.float32)}
            name = re.sub(r"\W+", "-", name_of(shape))
            bundles[shape] = (self.compile(name, stack_of(*shape), inputs), name, inputs)
        for number in range(options.rounds):
            for channels_last in (False, True):
                way = "PyTorch, channels_last" if channels_last else "PyTorch"
                for name, times in self.pytorch("shapes", channels_last).items():
                    for key, seconds in times.items():
                        best = result.setdefault(name, {}).setdefault(key, {})
                        best[way] = min(best.get(way, seconds), seconds)
            for shape, (bundle, name, inputs) in bundles.items():
                self.ours(bundle, name, inputs, "--profile", profile)
                lines = re.findall(r"([0-9.]+) us +(\w+) (\S+)", profile.read_text())
                for key in PASSES:
                    seconds = [1e-6 * float(time) for time, kind, op in lines if kind == key and "layers.2" in op]
                    if seconds:
                        best = result[name_of(shape)][key]
                        best["ours"] = min(best.get("ours", seconds[0]), seconds[0])
            print(f"round {number + 1}: shapes", file=sys.stderr, flush=True)
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=4)
    add_options(parser, steps=3, threads=1)
    parser.add_argument("--channels-last", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return shapes_worker(options)
    options.work.mkdir(parents=True, exist_ok=True)
    result = Bench(options).shapes()
    rows = [("convolution", "pass", "PyTorch", "channels_last", "ours", "ratio")]
    for shape, passes in result.items():
        for key, best in passes.items():
            peers = [best["PyTorch"], best["PyTorch, channels_last"]]
            rows.append((shape, key.replace("convolution_", "").replace("convolution", "forward"),
                         *(f"{1e3 * time:.2f} ms" for time in (*peers, best["ours"])), f"{best['ours'] / min(peers):.2f}"))
    print_table(rows)
    write_json(options, {"shapes": result})


if __name__ == "__main__":
    main()
