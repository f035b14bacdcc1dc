#!/usr/bin/env python3
"""Runs that stop and go on: under the same plan bit by bit, under any other plan within rounding; files that
PyTorch and Hugging Face load; ranks that are killed at random moments.

    checkpoints.py [--work DIR] [--kills 8] [--seed 1] [plans | files | weights | kills ...]
"""
import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np

from cases import ADAMW, Case
from run_case import ROOT, Failure, compile_case, data_options, execute, reference_of, tool

PLANS = {"one": Case("mlp", 1), "data": Case("mlp", 2, "data=2"), "tensor": Case("mlp", 2, "tensor=2"),
         "pipeline": Case("mlp", 2, "pipeline=2,chunks=2,microbatches=4"), "zero": Case("mlp", 2, "data=2,zero=1"),
         "zero3": Case("mlp", 4, "data=4,zero=3"), "zero0": Case("mlp", 3, "data=3,zero=0")}
# Pipeline to tensor to ZeRO 1 and back: all ordered pairs of plans of two ranks; ZeRO 3 to no ZeRO on other ranks and back.
PAIRS = [*itertools.permutations([name for name, case in PLANS.items() if case.ranks == 2], 2),
         ("zero3", "zero0"), ("zero0", "zero3"), ("zero3", "pipeline"), ("tensor", "zero3")]
STEPS, HALF = 10, 5
bad = 0


def check(what, good, text=""):
    global bad
    bad += not good
    print(f"{what}: {text + ' ' if text else ''}{'ok' if good else 'FAIL'}", flush=True)


def bundle_of(case, work):
    """The bundle of a case in a folder of its own."""
    folder = work / "checkpoints" / case.name.replace("/", "_")
    folder.mkdir(parents=True, exist_ok=True)
    compile_case(case, reference_of(case.model, work, 20), folder, work)
    return folder / "model.colossal"


def mlp_data(work):
    """Four batches and a half: an epoch ends inside of every run."""
    generator, options = np.random.default_rng(9), []
    for name, values in (("features", generator.standard_normal((72, 24)).astype(np.float32)),
                         ("labels", generator.integers(0, 10, 72))):
        file = work / "checkpoints" / f"{name}.npy"
        np.save(file, values)
        options += ["--data", f"{name}={file}"]
    return options


def run(bundle, data, folder, name, *extra):
    """Runs; (state by name, loss by step)."""
    state, metrics = folder / f"state-{name}", folder / f"{name}.jsonl"
    shutil.rmtree(state, ignore_errors=True)
    execute([tool("colossal-run"), bundle, *data, "--metrics", metrics, "--dump-state", state, "--quiet", *extra],
            folder / f"run-{name}.log", timeout=120)
    losses = {entry["step"]: entry["loss"] for entry in map(json.loads, metrics.read_text().splitlines())}
    return {file.stem: np.load(file) for file in state.glob("*.npy")}, losses


def same(a, b):
    return bool(a) and a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def worst(a, b):
    """The largest difference of two states, relative to each tensor's largest value."""
    return max((np.abs(a[name] - b[name]).max() / max(np.abs(b[name]).max(), 1e-6) for name in b if a[name].size),
               default=0)


def check_plans(work):
    folder = work / "checkpoints"
    bundles = {name: bundle_of(case, work) for name, case in PLANS.items()}
    data = [*mlp_data(work), "--seed", "4", "--steps", STEPS]
    whole = {}
    for name, bundle in bundles.items():
        shutil.rmtree(folder / f"of-{name}", ignore_errors=True)
        whole[name] = run(bundle, data, folder, f"whole-{name}", "--checkpoint", folder / f"of-{name}", "--every", HALF)
    curve = np.array([whole["one"][1][step] for step in range(1, STEPS + 1)])
    # Batches differ: were the next sample another one, losses would, too.
    spread = np.abs(np.diff(curve)).min() / curve.mean()
    for writer, reader in [(name, name) for name in PLANS] + PAIRS:
        state, losses = run(bundles[reader], data, folder, f"{writer}-{reader}",
                            f"--resume={folder / f'of-{writer}' / f'step-{HALF:08d}'}")
        if writer == reader:
            exact = {step: loss for step, loss in whole[reader][1].items() if step > HALF}
            check(f"{writer} again", same(state, whole[reader][0]) and losses == exact, f"{len(state)} tensors")
            continue
        differs = max(abs(losses[step] - curve[step - 1]) / curve[step - 1] for step in range(HALF + 1, STEPS + 1))
        tensors = worst({k: v for k, v in state.items() if "#" not in k},
                        {k: v for k, v in whole[reader][0].items() if "#" not in k})
        check(f"{writer} to {reader}", differs < 1e-5 < spread and len(losses) == STEPS - HALF and tensors < 1e-4,
              f"losses differ by {differs:.1e}, steps by {spread:.1e}, parameters by {tensors:.1e}")


def check_files(work):
    """PyTorch's names, shapes, types and bits; Hugging Face's one file and its index."""
    import torch
    import safetensors.torch
    from transformers import GPT2Config, GPT2LMHeadModel
    case = Case("gpt2", 2, "data=2,zero=1")
    bundle, folder = bundle_of(case, work), work / "checkpoints"
    data = data_options(reference_of("gpt2", work, 20))
    for name, extra, files in (("one", [], 1), ("several", ["--max-file-bytes", 20000], 5)):
        shutil.rmtree(folder / name, ignore_errors=True)
        state, _ = run(bundle, data, folder, name, "--steps", 2, "--checkpoint", folder / name, *extra)
        checkpoint = folder / name / "step-00000002"
        models = sorted(checkpoint.glob("model*.safetensors"))
        check(f"{name}: files", len(models) == files if files == 1 else len(models) >= files, f"{len(models)} files")
        tensors = {}
        for file in models:
            tensors |= safetensors.torch.load_file(file)
        optimizer = {}
        for file in checkpoint.glob("optimizer*.safetensors"):
            optimizer |= safetensors.torch.load_file(file)
        ours = {key: value.numpy() for key, value in (tensors | optimizer).items()}
        check(f"{name}: values are those of --dump-state", same(ours, state), f"{len(ours)} tensors")
        check(f"{name}: optimizer state apart", all("#" in key for key in optimizer) and len(optimizer) > 0
              and not any("#" in key for key in tensors))
        config = GPT2Config(n_layer=2, n_embd=32, n_head=4, vocab_size=60, n_positions=16)
        config.save_pretrained(checkpoint)
        model, info = GPT2LMHeadModel.from_pretrained(checkpoint, output_loading_info=True)
        loaded = {key: value.numpy() for key, value in model.state_dict().items() if key in tensors}
        check(f"{name}: Hugging Face loads it", same(loaded, {key: ours[key] for key in tensors})
              and not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")),
              f"{len(loaded)} tensors")
        if name == "one":
            fresh = GPT2LMHeadModel(config)
            missing, unexpected = safetensors.torch.load_model(fresh, models[0])
            check("load_model", not missing and not unexpected
                  and all(torch.equal(fresh.state_dict()[key], value) for key, value in tensors.items()))
            (checkpoint / "config.json").unlink()
    # A whole module, every name (its buffers, too).
    case = PLANS["tensor"]
    bundle = bundle_of(case, work)
    shutil.rmtree(folder / "module", ignore_errors=True)
    state, _ = run(bundle, [*mlp_data(work)], folder, "module", "--steps", 3, "--checkpoint", folder / "module")
    module = torch.jit.load(str(reference_of("mlp", work, 20) / "model.pt"))
    module.load_state_dict(safetensors.torch.load_file(folder / "module" / "step-00000003" / "model.safetensors"))
    loaded = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    check("load_state_dict", same(loaded, {key: state[key] for key in loaded}), f"{len(loaded)} tensors")


def check_bytes(work):
    """States of one and two bytes: PyTorch's types and bits, resumed under another plan, and as weights to start from."""
    import torch
    import safetensors.torch
    from modules.integers import images_of_bytes
    folder = work / "checkpoints" / "bytes"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model, batch = images_of_bytes()
    torch.jit.trace(model, tuple(batch.values()), check_trace=False).save(folder / "model.pt")
    data = []
    for name, tensor in batch.items():
        np.save(folder / f"{name}.npy", tensor.numpy())
        data += ["--data", f"{name}={folder / name}.npy"]
    compile = lambda name, ranks, *extra: execute([tool("colossal-compile"), folder / "model.pt", "--cluster", f"local:{ranks}", "--quiet",
                                                   "-o", folder / f"{name}.colossal", *extra], folder / f"{name}.log")
    compile("data", 2, "--pin", "data=2")
    compile("tensor", 2, "--pin", "tensor=2")
    whole, _ = run(folder / "data.colossal", [*data, "--steps", 4], folder, "whole", "--checkpoint", folder / "of", "--every", 2)
    saved = safetensors.torch.load_file(folder / "of" / "step-00000002" / "model.safetensors")
    narrow = {name: buffer.dtype for name, buffer in model.named_buffers()}
    check("bytes: types", narrow == {name: saved[name].dtype for name in narrow}, " ".join(sorted(map(str, set(narrow.values())))))
    resumed, _ = run(folder / "tensor.colossal", [*data, "--steps", 4], folder, "resumed", f"--resume={folder / 'of' / 'step-00000002'}")
    check("bytes: resumed", same({name: resumed[name] for name in narrow}, {name: whole[name] for name in narrow}),
          f"{len(narrow)} tensors")
    # Counted on from 200, in a bundle of these weights and by a run.
    start = saved | {"steps": torch.tensor(200, dtype=torch.uint8), "total": torch.tensor([-32768, 7, 32767], dtype=torch.int16)}
    safetensors.torch.save_file(start, folder / "start.safetensors")
    compile("given", 1, "--weights", folder / "start.safetensors")
    compile("plain", 1)
    given, _ = run(folder / "given.colossal", [*data, "--steps", 1], folder, "given")
    begun, _ = run(folder / "plain.colossal", [*data, "--steps", 1], folder, "begun", "--weights", folder / "start.safetensors")
    sums = start["total"] + batch["x"].sum((0, 2, 3), dtype=torch.int16)
    check("bytes: weights", int(given["steps"]) == 201 and np.array_equal(given["total"], sums.numpy()) and same(given, begun))


def check_weights(work):
    """Runs that start from files of weights: --weights of colossal-run, and of colossal-compile."""
    import torch
    import safetensors.torch
    folder = work / "checkpoints"
    case = Case("gpt2", 2, "data=2,zero=1")
    bundle, data = bundle_of(case, work), [*data_options(reference_of("gpt2", work, 20)), "--steps", 2]
    state, _ = run(bundle, data, folder, "plain")
    start, generator = folder / "start", torch.Generator().manual_seed(3)
    shutil.rmtree(start, ignore_errors=True)
    start.mkdir()
    manifest = json.loads((bundle / "manifest.json").read_text())
    check("aliases", [entry.get("aliases") for entry in manifest["states"]][0] == ["lm_head.weight"])
    weights = {entry["name"]: torch.randn(entry["globalShape"], generator=generator) * 0.05
               for entry in manifest["states"] if entry["role"] == "parameter"}
    save = lambda tensors, name: safetensors.torch.save_file(
        {key: value.contiguous() for key, value in tensors.items()}, start / name)
    save(weights, "model.safetensors")
    command = [tool("colossal-compile"), reference_of("gpt2", work, 20) / "model.pt", "--weights", start,
               "--keep-gradients", "--optimizer", ADAMW, "--cluster", work / "cluster-2.json", "--pin", case.pins,
               "-o", folder / "given.colossal"]
    execute(command, folder / "given.log")
    given, _ = run(folder / "given.colossal", data, folder, "given")
    ours, _ = run(bundle, data, folder, "weights", "--weights", start)
    check("weights at compile and at run", same(ours, given) and not same(ours, state), f"{len(ours)} tensors")
    # Names of a base model, the tied tensor under its other name, two files, floats of other types.
    other = {key.removeprefix("transformer."): value for key, value in weights.items() if "wte" not in key}
    other["lm_head.weight"] = weights["transformer.wte.weight"]
    half = len(other) // 2
    parts = {"a.safetensors": list(other)[:half], "b.safetensors": list(other)[half:]}
    for index, (name, keys) in enumerate(parts.items()):
        save({key: other[key].double() if index else other[key] for key in keys}, name)
    table = {key: name for name, keys in parts.items() for key in keys}
    (start / "x.index.json").write_text(json.dumps({"weight_map": table}))
    ours, _ = run(bundle, data, folder, "weights", "--weights", start / "x.index.json")
    check("weights under other names", same(ours, given))
    # A checkpoint is such a folder.
    shutil.rmtree(folder / "base", ignore_errors=True)
    run(bundle, data, folder, "base", "--checkpoint", folder / "base", "--max-file-bytes", 20000)
    ours, _ = run(bundle, [*data[:-1], 1, "--control", "lr=0"], folder, "weights",
                  "--weights", folder / "base" / "step-00000002")
    before = np.load(folder / "state-base" / "transformer.wpe.weight.npy")
    check("weights of a checkpoint", np.array_equal(ours["transformer.wpe.weight"], before))
    for what, tensors, words in (
            ("a parameter is missing", {k: v for k, v in weights.items() if "wpe" not in k},
             "lacks 1 of 28 parameters: 'transformer.wpe.weight'"),
            ("tied, but different", weights | {"lm_head.weight": torch.zeros(60, 32)}, "different values")):
        save(tensors, "bad.safetensors")
        done = subprocess.run([tool("colossal-run"), str(bundle), *map(str, data), "--weights",
                               str(start / "bad.safetensors")], capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        check(what, done.returncode == 1 and len(errors) == 1 and words in errors[0],
              "" if words in done.stderr else done.stderr)


def process_below(launcher, name, variable="", patience=10):
    """The process of this name below the launcher that has the variable; None where the job has ended."""
    end = time.time() + patience
    while time.time() < end and launcher.poll() is None:
        todo = [launcher.pid]
        while todo:
            process = todo.pop()
            try:
                base = Path("/proc") / str(process)
                todo += [int(child) for child in (base / "task" / str(process) / "children").read_text().split()]
                if (base / "comm").read_text().strip() == name and (
                        not variable or variable.encode() in (base / "environ").read_bytes().split(b"\0")):
                    return process
            except OSError:
                continue
        time.sleep(0.001)
    return None


def ranks_alive(bundle):
    """Processes that run the engine of the bundle."""
    def runs(process):
        try:
            return os.readlink(process / "exe").startswith(str(bundle / "run"))
        except OSError:
            return False
    return [process.name for process in Path("/proc").glob("[0-9]*") if runs(process)]


def faults_of(checkpoint):
    """What is wrong with a checkpoint, read without our runtime."""
    record = json.loads((checkpoint / "training.json").read_text())
    sums = {entry["name"]: entry.get("crc", 0) for entry in record["tensors"]}
    for entry in record["files"]:
        data = (checkpoint / entry["name"]).read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        if len(data) != entry["bytes"] or zlib.crc32(data[:start]) != entry["headerCrc"]:
            return f"{checkpoint.name}/{entry['name']}"
        for name, tensor in json.loads(data[8:start]).items():
            if name != "__metadata__":
                begin, end = tensor["data_offsets"]
                if zlib.crc32(data[start + begin:start + end]) != sums.pop(name):
                    return f"{checkpoint.name}: {name}"
    return f"{checkpoint.name}: {sorted(sums)}" if sums else ""


def check_kills(work, kills, seed):
    generator, folder = random.Random(seed), work / "checkpoints"
    cases = [PLANS["zero"], PLANS["pipeline"], PLANS["tensor"]]
    bundles = [bundle_of(case, work) for case in cases]
    steps, data = 30, mlp_data(work)
    begin = time.time()
    whole = [run(bundle, [*data, "--steps", steps], folder, f"alive-{i}")[0] for i, bundle in enumerate(bundles)]
    duration = (time.time() - begin) / len(bundles) + 0.2
    place, done, finished, phases = folder / "killed", 0, 0, {"before": 0, "writing": 0, "between": 0}
    faults = []
    while done < kills:
        which = finished % len(bundles)
        shutil.rmtree(place, ignore_errors=True)
        newest = -1
        while True:  # of one run, from its start to its end
            state = folder / "state-killed"
            shutil.rmtree(state, ignore_errors=True)
            command = [tool("colossal-run"), bundles[which], *data, "--steps", steps, "--quiet", "--dump-state", state,
                       "--checkpoint", place, "--every", 1, "--keep", 2, "--resume"]
            with open(folder / "killed.log", "w") as log:
                job = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                       env=dict(os.environ, OMP_NUM_THREADS="1"))
            if done < kills:
                victim = process_below(job, "run",
                                       f"OMPI_COMM_WORLD_RANK={generator.randrange(cases[which].ranks)}")
                until = time.time() + generator.uniform(0, duration)
                is_writing = lambda: any(place.glob(".step-*"))
                # One half at any moment, the other while files are written.
                if generator.random() < 0.5:
                    while time.time() < until and job.poll() is None:
                        time.sleep(0.0005)
                else:
                    step = max(newest, 0) + generator.randrange(1, 8)
                    while job.poll() is None and not any(place.glob(f".step-{step:08d}*")):
                        if time.time() > until + duration:
                            break
                    time.sleep(generator.uniform(0, 0.004))
                phase = "writing" if is_writing() else "between" if any(place.glob("step-*")) else "before"
                if victim and job.poll() is None:
                    try:
                        os.kill(victim, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            code = job.wait(timeout=120)
            if outlive := ranks_alive(bundles[which]):
                faults.append(f"{len(outlive)} ranks outlive their job")
            left = sorted(place.glob("step-*")) if place.exists() else []
            faults += [fault for fault in map(faults_of, left) if fault]
            last = int(left[-1].name[5:]) if left else -1
            if last < newest:
                faults.append(f"step {newest} is lost, {last} is left")
            newest = max(newest, last)
            if code == 0:
                finished += 1
                found = {file.stem: np.load(file) for file in state.glob("*.npy")}
                if not same(found, whole[which]):
                    faults.append(f"{cases[which].name}: the state differs from that of a run that nobody killed")
                break
            text = (folder / "killed.log").read_text()
            if "was ended by signal 9" not in text:
                faults.append(f"exit code {code}: {text.strip()[-300:]}")
            done += 1
            phases[phase] += 1
            if faults:
                break
        if faults:
            break
    check(f"{done} ranks killed", not faults,
          f"{phases['before']} before the first checkpoint, {phases['writing']} while one is written, "
          f"{phases['between']} between two; {finished} runs reach their end. " + "; ".join(faults[:3]))


def check_launcher(work):
    """Where Open MPI's launcher is killed, its ranks end before colossal-run does: whoever resumes meets none."""
    case, folder = PLANS["pipeline"], work / "checkpoints"
    bundle, faults = bundle_of(case, work), []
    for attempt in range(5):
        command = [tool("colossal-run"), bundle, *mlp_data(work), "--steps", 100000, "--quiet",
                   "--checkpoint", folder / "launcher", "--every", 1, "--keep", 2]
        with open(folder / "launcher.log", "w") as log:
            job = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
        process_below(job, "run", f"OMPI_COMM_WORLD_RANK={case.ranks - 1}")
        os.kill(process_below(job, "mpirun"), signal.SIGKILL)
        code = job.wait(timeout=120)
        if outlive := ranks_alive(bundle):
            faults.append(f"{len(outlive)} ranks outlive their job")
        if code != 128 + signal.SIGKILL:
            faults.append(f"exit code {code}")
    check("launcher killed", not faults, "; ".join(faults))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subjects", nargs="*", default=["plans", "files", "weights", "bytes", "kills"])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    work = options.work.resolve()
    (work / "checkpoints").mkdir(parents=True, exist_ok=True)
    checks = {"plans": [check_plans], "files": [check_files], "weights": [check_weights], "bytes": [check_bytes],
              "kills": [lambda work: check_kills(work, options.kills, options.seed), check_launcher]}
    for one in itertools.chain.from_iterable(checks[subject] for subject in options.subjects):
        try:
            one(work)
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            check("stopped", False, str(failure))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
