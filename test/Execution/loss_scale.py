#!/usr/bin/env python3
"""Dynamic loss scales (--loss-scale) against torch.amp.GradScaler, step by step, under every plan.

    loss_scale.py --work DIR [PLAN ...]

Twelve steps per kind. `f32` has a scale near the end of f32's range and factors that are no powers of two, `clipped` clips
as well; their state is judged by 4 times what PyTorch's f32 differs from its f64. `f16` trains in mixed precision, and
may be twice as far from f32 as torch.autocast is, after the same steps. In all of them the gradients overflow and the
scale falls, the scale grows, and a step of the data is infinite. Scales are GradScaler's, bit by bit, and so is the list
of skipped steps. A run goes on from the checkpoint of a skipped step, also under another plan.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch

import nonfinite
from nonfinite import BATCH, PLANS, check, check_resumed, run, save_each_step, state_of
from run_case import cluster_of, compare, execute, imported, tool

STEPS, RATE, CLIP = 12, 1e-2, 0.5
OPTIMIZER = f"adamw:lr={RATE},eps=1e-3,weight-decay=0.1"
# init, growth, backoff, interval; factor of the loss
SCALES = {"f32": ((2.0**125, 1.5, 0.3, 2), 64), "clipped": ((2.0**125, 1.5, 0.3, 2), 64),
          "f16": ((2.0**20, 2.0, 0.5, 3), 1)}
INFINITE = 7


class Net(torch.nn.Module):
    """In f16 the gradient of the last layer's result is what overflows first: of that of its weights PyTorch rounds the
    sum to f16, which is f32 here."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain
        self.body = torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh())
        self.head = torch.nn.Linear(16, 6, bias=False)

    def forward(self, x, target):
        return self.gain * (self.head(self.body(x)) - target).square().mean()


def data_of():
    generator = np.random.default_rng(7)
    rows = BATCH * STEPS
    x, target = 0.3 * generator.standard_normal((rows, 12)), generator.standard_normal((rows, 6))
    target[::BATCH, 1] = 5.0
    target[(INFINITE - 1) * BATCH + 5, 3] = np.inf
    return {"x": x.astype(np.float32), "target": target.astype(np.float32)}


def pytorch(kind, net, data, dtype, skips=None):
    """GradScaler's loop, or with `skips` that of these steps without a scale; (state, scales, skipped steps)."""
    (init, growth, backoff, interval), _ = SCALES[kind]
    net.to(dtype).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, eps=1e-3, weight_decay=0.1)
    scaler = torch.amp.GradScaler("cpu", init, growth, backoff, interval)
    calls, scales, skipped = [], [], []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        batch = slice((step - 1) * BATCH, step * BATCH)
        half = kind == "f16" and skips is None
        with torch.autocast("cpu", torch.float16, enabled=half):
            loss = net(*(torch.from_numpy(data[name][batch]).to(dtype) for name in ("x", "target")))
        if skips is not None:
            if step not in skips:
                loss.backward()
                if kind == "clipped":
                    torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
                optimizer.step()
            continue
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        if kind == "clipped":
            torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        before = len(calls)
        scales.append(scaler.get_scale())
        scaler.step(optimizer)
        scaler.update()
        if len(calls) == before:
            skipped.append(step)
    return state_of(net, optimizer), scales, skipped, scaler.state_dict()


def scales_of(lines):
    """As f32: a line of metrics has nine digits of it."""
    return [np.float32(line["loss_scale"]) for line in lines]


def judge_state(what, kind, state, fresh, data, expected):
    """By PyTorch's own distance from the number it aims at."""
    near, _, skipped, scaler = expected
    exact = pytorch(kind, fresh(), data, torch.float32 if kind == "f16" else torch.float64, skipped)[0]
    ours = {name: value for name, value in state.items() if not name.startswith("grad_scaler#")}
    # PyTorch's f16 is one draw of roundings; of f32 there is more than one sum.
    draws, floor = (2, 0) if kind == "f16" else (4, 1e-6 * max(compare.norm(value) for value in exact.values()))
    if kind == "f16":  # over all tensors: a tensor may have little of its own
        rms = lambda of: float(np.sqrt(np.mean([np.square(compare.norm(of[name].astype(np.float64) - value) / compare.norm(value))
                                                for name, value in exact.items()])))
        own, theirs = rms(ours), rms(near)
        check(f"{what}: state after {STEPS} steps", ours.keys() == exact.keys() and own <= draws * theirs,
              f"{own:.1e} from f32, autocast {theirs:.1e}")
    else:
        rows = [(name, compare.norm(ours[name].astype(np.float64) - value),
                 max(draws * compare.norm(near[name] - value), floor)) for name, value in exact.items()]
        name, difference, allowed = compare.worst_of(rows)
        check(f"{what}: state after {STEPS} steps", ours.keys() == exact.keys() and not compare.failures(rows),
              f"{difference:.1e} of {allowed:.1e} allowed ({name})")
    check(f"{what}: the scaler's state is PyTorch's", state["grad_scaler#scale"] == np.float32(scaler["scale"])
          and state["grad_scaler#growth_tracker"] == scaler["_growth_tracker"],
          f"{state['grad_scaler#scale']:g}, {state['grad_scaler#growth_tracker']}")


def check_steps(what, kind, folder, bundle, fresh, data, expected):
    _, scales, skipped, _ = expected
    # Two in a row are the scale's, and do not end the run.
    state, lines, said = run(bundle, folder, what, "--nonfinite-steps", 2)
    judge_state(what, kind, state, fresh, data, expected)
    found = [step for step, line in enumerate(lines, 1) if line.get("skipped")]
    check(f"{what}: skips what GradScaler skips", found == skipped, f"{found}")
    check(f"{what}: scales of all steps", scales_of(lines) == [np.float32(scale) for scale in scales],
          " ".join(f"{line['loss_scale']:g}" for line in lines))
    reason = "grad_norm is nan" if kind == "clipped" else "a gradient is not finite"
    wanted = [f"step 1/{STEPS}  loss ", f"  loss_scale {scales[0]:g}  skipped  ", f"step {INFINITE} skipped: loss is inf",
              f"warning: step {skipped[0]} skipped: {reason} at the loss scale {scales[0]:g}\n"]
    missing = [text for text in wanted if text not in said]
    check(f"{what}: says so", not missing, "; ".join(missing))
    return state, lines


def check_checkpoints(what, folder, bundle, state, lines, skipped):
    place, load = save_each_step(what, folder, bundle, state, lines)
    last = skipped[-1]
    differs = [name for part in ("model", "optimizer") for name, value in load(last, part).items()
               if value.tobytes() != load(last - 1, part)[name].tobytes()]
    check(f"{what}: of the state a skipped step changes the scale alone", "grad_scaler#scale" in differs
          and set(differs) <= {"grad_scaler#scale", "grad_scaler#growth_tracker"}, " ".join(differs))
    held = [load(step, "optimizer")["grad_scaler#scale"] for step in range(1, STEPS)]
    check(f"{what}: checkpoints hold the next step's scale", held == scales_of(lines[1:]))
    check_resumed(what, folder, bundle, place, last, state, lines)
    return place / f"step-{last:08d}"


def check_kind(kind, plans, work):
    folder = work / kind
    (folder / "data").mkdir(parents=True, exist_ok=True)
    data = data_of()
    for name, values in data.items():
        np.save(folder / "data" / f"{name}.npy", values)
    (init, growth, backoff, interval), gain = SCALES[kind]
    torch.manual_seed(3)
    net = Net(gain)
    torch.jit.trace(net, tuple(torch.from_numpy(values[:BATCH]) for values in data.values())).save(folder / "model.pt")
    program = imported(folder / "model.pt")

    def fresh():
        other = Net(gain)
        other.load_state_dict(net.state_dict())
        return other
    expected = pytorch(kind, fresh(), data, torch.float32)
    _, scales, skipped, _ = expected
    check(f"{kind}: falls, grows and is skipped", INFINITE in skipped and len(skipped) > 2 and skipped[0] < INFINITE
          and any(b > a for a, b in zip(scales, scales[1:])), f"{skipped}")
    last = None
    for plan in plans:
        ranks, pins = PLANS[plan]
        what, bundle = f"{kind}-{plan}", folder / f"{plan}.colossal"
        scale = f"dynamic:init={init!r},growth={growth},backoff={backoff},interval={interval}"
        command = [tool("colossal-compile"), program, "--optimizer", OPTIMIZER, "--loss-scale", scale,
                   "--cluster", cluster_of(ranks, work), "-o", bundle, *["--precision", "f16"] * (kind == "f16"),
                   *["--clip-norm", CLIP] * (kind == "clipped"), *["--pin", pins] * bool(pins)]
        execute(command, folder / f"{plan}-compile.log")
        text = execute([tool("colossal-verify"), bundle], folder / f"{plan}-verify.log")
        check(f"{what}: verified", "agree" in text, text.strip().splitlines()[-1])
        state, lines = check_steps(what, kind, folder, bundle, fresh, data, expected)
        if last:  # by ranks that lie otherwise
            _, rest, _ = run(bundle, folder, what + "-other", f"--resume={last}")
            check(f"{what}: goes on from another plan", scales_of(rest) == scales_of(lines)[skipped[-1]:],
                  f"{len(rest)} steps")
        last = check_checkpoints(what, folder, bundle, state, lines, skipped)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plans", nargs="*", default=list(PLANS), metavar="PLAN")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--kinds", default=",".join(SCALES))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds.split(","):
        check_kind(kind, options.plans, options.work.resolve())
    print("all as GradScaler does" if not nonfinite.bad else f"{nonfinite.bad} differ")
    return 1 if nonfinite.bad else 0


if __name__ == "__main__":
    sys.exit(main())
