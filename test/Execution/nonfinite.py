#!/usr/bin/env python3
"""Steps whose loss or gradients are not finite, under --skip-nonfinite: skipped as PyTorch's GradScaler skips them.

    nonfinite.py --work DIR [PLAN ...]

Of eight steps the third has a NaN among its inputs, the fourth an infinity, and the sixth a finite loss with a
gradient that is NaN (a root of 0). PyTorch's loop calls GradScaler.step, and the schedule's step where the
optimizer's was called. Parameters, state of the optimizer and buffers after the run are judged by 4 times what
PyTorch's f32 differs from its f64; learning rates are PyTorch's.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from run_case import cluster_of, compare, execute, imported, tool

BATCH, STEPS, RATE, TOTAL, CLIP = 8, 8, 1e-2, 20, 0.5
OPTIMIZER = f"adamw:lr={RATE},eps=1e-3,weight-decay=0.1"
PLANS = {"one": (1, ""), "data": (2, "data=2"), "microbatches": (2, "data=2,microbatches=2"), "tensor": (2, "tensor=2"),
         "pipeline": (2, "pipeline=2,microbatches=4"), "zero": (2, "data=2,zero=1"),
         "zero2": (2, "data=2,zero=2"), "zero3": (2, "data=2,zero=3")}
SKIPPED = {"plain": [3, 4, 6], "clipped": [3, 4, 6], "norms": [6]}
bad = 0


def check(what, good, text=""):
    global bad
    bad += not good
    print(f"{what}: {text + ' ' if text else ''}{'ok' if good else 'FAIL'}", flush=True)


class Net(torch.nn.Module):
    def __init__(self, norms):
        super().__init__()
        layer = lambda n, m: torch.nn.Sequential(
            torch.nn.Linear(n, m), *[torch.nn.BatchNorm1d(m)] * norms, torch.nn.Tanh())
        self.body = torch.nn.Sequential(layer(12, 16), layer(16, 16), layer(16, 16))
        self.head = torch.nn.Linear(16, 6)

    def forward(self, x, gate, target):
        hidden = self.body(x)
        length = torch.sqrt((hidden * gate).square().sum(1))
        return (self.head(hidden) - target).square().mean() + 0.1 * length.mean()


def data_of(kind):
    generator = np.random.default_rng(5)
    rows = BATCH * STEPS
    data = {"x": generator.standard_normal((rows, 12)), "gate": generator.uniform(0.5, 1.5, (rows, 1)),
            "target": generator.standard_normal((rows, 6))}
    data = {name: values.astype(np.float32) for name, values in data.items()}
    if 3 in SKIPPED[kind]:
        data["x"][2 * BATCH + 6, 4] = np.nan  # of the second rank, and of a later microbatch
        data["target"][3 * BATCH + 1, 2] = np.inf
    data["gate"][5 * BATCH + 3] = 0
    return data


def state_of(net, optimizer):
    """Of PyTorch's AdamW, by our names, in f64."""
    state = {name: value.detach().double().numpy() for name, value in net.state_dict().items()}
    for name, parameter in net.named_parameters():
        for key in ("exp_avg", "exp_avg_sq"):
            state[f"{name}#{key}"] = optimizer.state[parameter][key].double().numpy()
    return state


def pytorch(net, data, clip, dtype):
    """GradScaler's loop; (state by name, learning rate of each step, steps that it skipped)."""
    net.to(dtype).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, eps=1e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, TOTAL)
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    calls, rates, skipped = [], [], []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        rates.append(optimizer.param_groups[0]["lr"])
        batch = slice((step - 1) * BATCH, step * BATCH)
        loss = net(*(torch.from_numpy(data[name][batch]).to(dtype) for name in ("x", "gate", "target")))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        if clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        before = len(calls)
        scaler.step(optimizer)
        scaler.update(new_scale=1.0)
        if len(calls) > before:
            schedule.step()
        else:
            skipped.append(step)
    return state_of(net, optimizer), rates, skipped


def run(bundle, folder, name, *extra):
    """Runs all steps of the data; (state by name, lines of the metrics, what was said)."""
    state, metrics = folder / f"state-{name}", folder / f"{name}.jsonl"
    shutil.rmtree(state, ignore_errors=True)
    files = sorted((folder / "data").glob("*.npy"))
    data = [word for file in files for word in ("--data", f"{file.stem}={file}")]
    steps = len(np.load(files[0])) // BATCH
    said = execute([tool("colossal-run"), bundle, *data, "--no-shuffle", "--steps", steps, "--metrics", metrics,
                    "--dump-state", state, *extra], folder / f"{name}.log", timeout=120)
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    return {file.stem: np.load(file) for file in state.glob("*.npy")}, lines, said


def same(a, b):
    return bool(a) and a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def without_time(lines):
    return [{key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")} for line in lines]


def rows_of(exact, single, ours):
    floor = 1e-6 * max(compare.norm(value) for value in exact.values())
    return [(name, compare.norm(ours[name].astype(np.float64) - value),
             max(4 * compare.norm(single[name] - value), floor)) for name, value in exact.items()]


def save_each_step(what, folder, bundle, state, lines):
    """(the folder of the checkpoints, what one of a step holds in a file). The run that writes them is the same again."""
    import safetensors.numpy
    place = folder / f"{what}-checkpoints"
    shutil.rmtree(place, ignore_errors=True)
    again, more, _ = run(bundle, folder, what + "-saved", "--checkpoint", place, "--every", 1)
    check(f"{what}: again, with checkpoints", same(again, state) and without_time(more) == without_time(lines),
          f"{len(again)} tensors")
    return place, lambda step, part: safetensors.numpy.load_file(place / f"step-{step:08d}" / f"{part}.safetensors")


def check_resumed(what, folder, bundle, place, last, state, lines):
    resumed, rest, _ = run(bundle, folder, what + "-resumed", f"--resume={place / f'step-{last:08d}'}")
    check(f"{what}: goes on after step {last}", same(resumed, state)
          and without_time(rest) == without_time(lines)[last:], f"{len(resumed)} tensors")


def check_steps(what, kind, folder, bundle, expected):
    (exact, rates, skipped), (single, _, _) = expected
    state, lines, said = run(bundle, folder, what)
    rows = rows_of(exact, single, state)
    name, difference, allowed = compare.worst_of(rows)
    check(f"{what}: state after {STEPS} steps is PyTorch's", exact.keys() == state.keys() and not compare.failures(rows),
          f"{len(rows)} tensors, {difference:.1e} of {allowed:.1e} allowed ({name})")
    found = [line["step"] for line in lines if line.get("skipped")]
    check(f"{what}: skips what GradScaler skips", found == skipped == SKIPPED[kind], f"{found}")
    off = max(abs(line["lr"] - rate) for line, rate in zip(lines, rates))
    check(f"{what}: learning rates", off < 1e-10 and len(lines) == STEPS,
          f"differ by {off:.0e}")
    reason = {"plain": "a gradient is not finite", "norms": "a gradient is not finite", "clipped": "grad_norm is nan"}
    wanted = [f"step 6 skipped: {reason[kind]}; first made by '"]
    if 3 in skipped:
        wanted += ["step 3 skipped: loss is nan", "first made by the data: input 'x' has nan", "step 4 skipped: loss is inf"]
    missing = [text for text in wanted if text not in said]
    check(f"{what}: says so", not missing, "; ".join(missing))
    return state, lines


def check_checkpoints(what, kind, folder, bundle, state, lines):
    """A run goes on from the checkpoint of a skipped step, which holds the state before it."""
    place, part_of = save_each_step(what, folder, bundle, state, lines)
    load = lambda step: {**part_of(step, "model"), **part_of(step, "optimizer")}
    last = SKIPPED[kind][0]
    held = {name: value for name, value in load(last - 1).items() if "running" not in name and "num_batches" not in name}
    check(f"{what}: a skipped step changes no bit", same(held, {name: load(last)[name] for name in held}))
    check_resumed(what, folder, bundle, place, last, state, lines)


def check_limit(what, folder, bundle):
    data = [word for file in sorted((folder / "data").glob("*.npy")) for word in ("--data", f"{file.stem}={file}")]
    done = subprocess.run([str(word) for word in (tool("colossal-run"), bundle, *data, "--no-shuffle", "--steps", STEPS,
                                                  "--nonfinite-steps", 2, "--quiet")], capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    check(f"{what}: ends after two in a row", done.returncode == 1 and len(errors) == 1
          and "step 4: loss is inf" in errors[0] and "as in 2 steps in a row; the run ends" in errors[0],
          "; ".join(errors) or done.stderr)


def check_kind(kind, plans, work):
    folder = work / kind
    (folder / "data").mkdir(parents=True, exist_ok=True)
    data, clip = data_of(kind), CLIP if kind == "clipped" else 0
    for name, values in data.items():
        np.save(folder / "data" / f"{name}.npy", values)
    torch.manual_seed(3)
    net = Net(norms=kind == "norms")
    torch.jit.trace(net, tuple(torch.from_numpy(values[:BATCH]) for values in data.values())).save(folder / "model.pt")
    program = imported(folder / "model.pt")
    start = {name: value.clone() for name, value in net.state_dict().items()}  # tracing has run it

    def fresh():
        net = Net(norms=kind == "norms")
        net.load_state_dict(start)
        return net
    expected = [pytorch(fresh(), data, clip, dtype) for dtype in (torch.float64, torch.float32)]
    for plan in plans:
        ranks, pins = PLANS[plan]
        if kind == "norms":  # statistics of the whole batch
            if plan == "microbatches":
                continue
            pins = pins.replace("microbatches=4", "microbatches=1")
        what, bundle = f"{kind}/{plan}", folder / f"{plan}.colossal"
        command = [tool("colossal-compile"), program, "--optimizer", OPTIMIZER, "--lr-schedule",
                   f"linear:total={TOTAL}", "--skip-nonfinite", "--cluster", cluster_of(ranks, work), "-o", bundle]
        command += ["--clip-norm", clip] * bool(clip) + ["--pin", pins] * bool(pins)
        execute(command, folder / f"{plan}-compile.log")
        text = execute([tool("colossal-verify"), bundle], folder / f"{plan}-verify.log")
        check(f"{what}: verified", "agree" in text, text.strip().splitlines()[-1])
        name = what.replace("/", "-")
        state, lines = check_steps(name, kind, folder, bundle, expected)
        check_checkpoints(name, kind, folder, bundle, state, lines)
        if len(SKIPPED[kind]) > 1:
            check_limit(name, folder, bundle)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plans", nargs="*", default=list(PLANS), metavar="PLAN")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for kind in SKIPPED:
        check_kind(kind, options.plans, options.work.resolve())
    print("all as PyTorch does" if not bad else f"{bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
