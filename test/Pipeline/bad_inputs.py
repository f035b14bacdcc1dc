"""Every way to be refused: one line, exit code 1, nothing left behind.

    bad_inputs.py options | models | values | damage | disk | sources | output | killed

Each case runs a tool and holds what it says to the rules for messages: exactly one line, an error of
bounded length, without IR, whose options are in the --help of some tool; and to the text that the
case expects.
"""

import contextlib
import json
import math
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLP = ROOT / "test" / "Import" / "Inputs" / "mlp.pt"
CLUSTER = ROOT / "examples" / "clusters" / "cpu-2.json"
TOOLS = ["colossal-compile", "colossal-verify", "colossal-translate", "colossal-run", "colossal-engine",
         "colossal-calibrate"]
# Options of programs that we start, and of MLIR.
FOREIGN = {"--allow-run-as-root", "--oversubscribe", "--bind-to", "--mca", "--hostfile", "--host", "--map-by",
           "--as-needed", "--hash-style", "--threads", "--mlir-print-op-on-diagnostic"}
IR_SIGNS = ["%0", "%arg", "^bb", '"func.func"', "colossal.generic", "loc(", "#map", "see current operation"]
faults = 0


def known_options():
    known = set(FOREIGN)
    for tool in TOOLS:
        if shutil.which(tool):
            done = subprocess.run([tool, "--help"], capture_output=True, text=True)
            known |= set(re.findall(r"--?[a-z][a-z-]*", done.stdout + done.stderr))
    return known


def complain(name, text):
    global faults
    faults += 1
    print(f"FAILED: {name}: {text}", flush=True)


def refused(name, command, expected, folder=None, most=1, options=known_options(), **how):
    """Runs `command` and checks how it is refused, in at most `most` lines. `folder` must be as it was."""
    before = sorted(os.listdir(os.fsencode(folder))) if folder else None
    try:
        done = subprocess.run(command, capture_output=True, timeout=120, **how)
    except subprocess.TimeoutExpired:
        return complain(name, "did not end")
    said = done.stderr.decode(errors="replace")
    lines = [line for line in said.split("\n") if line]
    if done.returncode != 1:
        return complain(name, f"exit code {done.returncode}: {said[-300:]}")
    if not 1 <= len(lines) <= most or not re.match(r"(colossal-\w+: )?error: ", lines[0]):
        return complain(name, f"found {len(lines)} lines, expected {most}: {said[:600]}")
    if len(lines[0]) > 2200:
        complain(name, f"a line of {len(lines[0])} characters")
    for sign in IR_SIGNS:
        if sign in lines[0]:
            complain(name, f"shows IR: {lines[0]}")
    if not re.search(expected, lines[-1]):
        complain(name, f"expected /{expected}/, found: {lines[0]}")
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", lines[0]):
        if option not in options and option not in map(str, command):
            complain(name, f"names the option {option}, which no tool has")
    if folder and before != sorted(os.listdir(os.fsencode(folder))):
        complain(name, f"leaves {set(os.listdir(os.fsencode(folder))) - set(before)} behind")


def compile_command(*arguments, model=MLP):
    return ["colossal-compile", model if isinstance(model, bytes) else str(model), "--cluster", str(CLUSTER), "--quiet", *arguments]


def options(folder):
    bundle = ["-o", f"{folder}/x.colossal"]
    number = "found '{}', expected"
    for setting in ["lr=nan", "lr=-1", "lr=inf", "lr=1e300", "lr=", "lr=x", "beta1=1", "beta1=-0.1", "beta1=nan", "beta2=1",
                    "beta2=1.5", "eps=-1", "eps=nan", "weight-decay=-0.1", "weight-decay=nan", "weight-decay=inf",
                    "no-decay=rank<-1", "no-decay=2", "no-decay=rank<x", "no-decay=rank<9999999999999"]:
        refused(setting, compile_command("--optimizer", f"adamw:{setting}", *bundle), re.escape(number.format(setting)), folder)
    for setting in ["momentum=1", "momentum=-1", "momentum=nan", "nesterov=2", "lr=-0.5"]:
        refused(setting, compile_command("--optimizer", f"sgd:{setting}", *bundle), re.escape(number.format(setting)), folder)
    for text, expected in [("adamw:lr=1,lr=2", "'lr' twice"), ("adamw:momentum=0.9", "unknown setting 'momentum=0.9' for 'adamw'"),
                           ("sgd:beta1=0.9", "unknown setting 'beta1=0.9' for 'sgd'"), ("adem", "found 'adem', expected 'sgd', 'adam'"),
                           ("adamw:lr=1,,", "unknown setting ''"), ("sgd:nesterov", "without momentum"),
                           ("none:lr=1", "expected none for 'none'"), ("", "found ''"),
                           ("sgd:nesterov,momentum=0.9,dampening=0.1", "'nesterov' with dampening"),
                           ("adafactor:beta2-decay=0.5", "expected beta2-decay= with a finite number of at most 0"),
                           ("adafactor:d=0.5", "a finite number of at least 1"), ("rmsprop:alpha=1.5", "a number from 0 to 1"),
                           ("adam:amsgrad=1", "expected amsgrad= with true or false"), ("lion:eps=1", "unknown setting 'eps=1' for 'lion'"),
                           ("lars:trust-coefficient=-1", "found 'trust-coefficient=-1'")]:
        refused(text, compile_command("--optimizer", text, *bundle), re.escape(expected), folder)
    for text, expected in [("name=*.bais:lr=1", r"the pattern '\*.bais', which no trained parameter matches, expected one such as 'layers.0.bias'"),
                           ("name=*|layers.9.*:lr=1", r"the pattern 'layers.9.\*'"), ("name=:lr=1", "expected a pattern"),
                           ("name=[a:lr=1", "found the pattern '\\[a'"), ("bias:lr=1", "expected name=PATTERN"), ("", "found ''"),
                           ("rank<x:lr=1", "expected rank<N"), ("rank<2", "without settings"), ("rank<2:", "without settings"),
                           ("rank<2:lr=-1", "--group: found 'lr=-1'"), ("rank<2:no-decay=rank<2", "unknown setting"),
                           ("rank<2:momentum=0.9", "unknown setting 'momentum=0.9' for 'adamw'")]:
        refused(f"group {text}", compile_command("--group", text, *bundle), expected, folder)
    refused("group of none", compile_command("--optimizer", "none", "--group", "rank<2:lr=1", *bundle), "expected an optimizer", folder)
    refused("group against its optimizer", compile_command("--optimizer", "sgd:nesterov,momentum=0.9", "--group", "rank<2:momentum=0", *bundle),
            "--group: found 'nesterov' without momentum", folder)
    for value in ["nan", "-1", "0", "inf", "1e39"]:
        refused(f"clip {value}", compile_command(f"--clip-norm={value}", *bundle), "--clip-norm: found .*expected a finite number above 0",
                folder)
    for text in ["cosine:min=nan", "cosine:min=-1", "cosine:min=2", "cosine:warmup=-1", "linear:total=-5", "linear:total=1e3",
                 "linear:warmup=99999999999999999999", "cosine:total=9999999999999999", "cosine:cycles=2", "cosine:warmup"]:
        refused(text, compile_command("--lr-schedule", text, *bundle), r"--lr-schedule: found '.*', expected", folder)
    for text in ["f8", "", "BF16", "mixed"]:
        refused(f"precision {text}", compile_command("--precision", text, *bundle),
                f"--precision: found '{text}', expected f32, bf16 or f16", folder)
    for text, expected in [("", "found '', expected none, a finite number above 0, dynamic or"), ("0", "found '0'"), ("nan", "found 'nan'"),
                           ("-1", "found '-1'"), ("1e39", "found '1e39'"), ("dynamic:", "found 'dynamic:'"), ("static", "found 'static'"),
                           ("dynamic:init=0", "found 'init=0', expected a finite number above 0 for init"),
                           ("dynamic:growth=1", "expected a finite number above 1 for growth"), ("dynamic:init", "found 'init'"),
                           ("dynamic:backoff=1", "expected a number between 0 and 1 for backoff"), ("dynamic:interval=0.5", "a number of steps"),
                           ("dynamic:interval=0", "a number of steps"), ("dynamic:init=1,init=2", "found init= twice"),
                           ("dynamic:scale=1", "found 'scale=1', expected init=, growth=, backoff= or interval=")]:
        refused(f"loss scale {text}", compile_command(f"--loss-scale={text}", *bundle), f"--loss-scale: .*{re.escape(expected)}", folder)
    refused("nothing to do", compile_command("--optimizer", "none", *bundle), "--optimizer none: found a bundle that would change nothing", folder)
    refused("loss scale of none", compile_command("--loss-scale=1", "--optimizer", "none", *bundle), "--loss-scale: found --optimizer none", folder)
    refused("warmup beyond", compile_command("--lr-schedule", "cosine:warmup=20,total=10", *bundle), "at least the warmup", folder)
    refused("schedule twice", compile_command("--lr-schedule", "cosine:min=0,min=1", *bundle), "'min' twice", folder)
    refused("schedule", compile_command("--lr-schedule", "steps", *bundle), "found 'steps', expected 'constant'", folder)
    refused("schedule without steps", compile_command("--lr-schedule", "step", *bundle), "found neither every= nor at=", folder)
    for text, expected in [("hinge", "found 'hinge', expected 'cross-entropy', 'mse' or 'bce'"), ("", "found ''"),
                           ("mse:ignore=1", "unknown setting 'ignore=1' for 'mse'"), ("cross-entropy:", "unknown setting ''"),
                           ("cross-entropy:ignore=x", "ignore= with an integer"), ("cross-entropy:smoothing=2", "from 0 to 1"),
                           ("cross-entropy:smoothing=nan", "from 0 to 1"), ("cross-entropy:shift=1", "expected 'shift' alone"),
                           ("cross-entropy:classes=2", "classes=last"), ("bce:output=", "output= with a name"),
                           ("bce:labels=a,labels=b", "'labels' twice")]:
        refused(f"loss {text}", compile_command("--loss", text, *bundle), "--loss: .*" + re.escape(expected), folder)
    for text in ["", "uniform:1", "normal", "normal:", "normal:-1", "normal:nan", "normal:1e99", "normal:1,sed=2", "normal:1,seed=x",
                 "normal:1,"]:
        refused(f"init {text}", compile_command("--init", text, *bundle), "--init: found '.*', expected", folder)
    for value in ["-1", "0", "nan", "1e30", "20 apples", "", "0.5B", "inf"]:
        refused(f"memory {value}", compile_command(f"--memory={value}", *bundle), "--memory: found '.*', expected a size such as", folder)
    for text in ["data=2,data=1", "data=-1", "data=99999999999999999999", "data=", "rows=2", "zero=7"]:
        refused(f"pin {text}", compile_command("--pin", text, *bundle), "pin: found '.*', expected", folder)
    refused("twice", compile_command("--memory", "1GiB", "--memory", "2GiB", *bundle), "--memory: found it 2 times, expected it once", folder)
    refused("unknown", compile_command("--no-such-option", *bundle), "'--no-such-option'", folder)
    refused("no output", compile_command(), "found no -o", folder)
    refused("emit without output", compile_command("--stop-after", "emit"), "found no -o", folder)
    for phase in ["run", "lunch", ""]:
        refused(f"stop after {phase}", compile_command("--stop-after", phase), "--stop-after: found", folder)
    refused("plan too early", compile_command("--stop-after", "normalize", "--emit-plan", f"{folder}/p"), "--emit-plan: found", folder)
    for text, expected in [("y", "no input 'y'"), ("features:-1", "found dimension -1"), ("features:9", "found dimension 9"),
                           ("features:a", "expected NAME or NAME:DIMENSION")]:
        refused(f"batch {text}", compile_command("--batch", text, *bundle), re.escape(expected), folder)
    refused("batch twice", compile_command("--batch", "labels", "--batch", "labels:0", *bundle), "'labels' twice", folder)
    for text in ["x", "x=", "x=4y3", "x=4x3xf99", "y=4x3xf32", "x=-4x3xf32", "x=99999999999999999999x3xf32", "x=4x3xf32x"]:
        refused(f"input {text}", compile_command("--input", text, *bundle), "input", folder)
    refused("input twice", compile_command("--input", "x=4x3xf32", "--input", "x=8x3xf32", *bundle), "'x' twice", folder)
    # Sizes are looked at before anything of that size is made.
    memory = {"preexec_fn": limited(resource.RLIMIT_AS, 2 << 30)}
    for size in [10**10, 1 << 40, 2**63 - 1]:
        refused(f"batch of {size}", compile_command("--input", f"features={size}x8xf32", "--input", f"labels={size}xi64", *bundle),
                "elements|memory|bytes", folder, **memory)
        refused(f"microbatches of {size}", compile_command("--pin", f"microbatches={size}", *bundle), "microbatches", folder, **memory)
    refused("a batch in microbatches", compile_command("--input", f"features={1 << 24}x8xf32", "--input", f"labels={1 << 24}xi64",
                                                       "--pin", f"microbatches={1 << 24}", *bundle), "", folder, **memory)
    plan, cluster = f"{folder}/plan.json", f"{folder}/cluster.json"
    subprocess.run(compile_command("--emit-plan", plan, "--stop-after", "plan", "-o", f"{folder}/plan.mlir"), check=True)
    text, machine = pathlib.Path(plan).read_text(), CLUSTER.read_text()
    for size in [0, 1 << 24, 1 << 62]:
        for field, change in [("microbatches", {"microbatches": size}), ("stages", {"stages": size}),
                              ("mesh", {"mesh": [["data", size], ["tensor", max(size, 1)], ["a", 1 << 22], ["b", 1 << 22]]})]:
            pathlib.Path(plan).write_text(json.dumps({**json.loads(text), **change}))
            refused(f"plan with {change}", compile_command("--plan", plan, *bundle), "plan.json: ", folder, **memory)
    for size in [0, 1 << 40]:
        for field, change in [("devices", {"devices": size}), ("threads", {"device": {**json.loads(machine)["device"], "threads": size}})]:
            pathlib.Path(cluster).write_text(json.dumps({**json.loads(machine), **change}))
            command = ["colossal-compile", MLP, "--quiet", "--cluster", cluster, *bundle]
            refused(f"{field} of {size}", command, f'{field}": found {size}, expected from 1', folder, **memory)
    os.remove(plan), os.remove(cluster), os.remove(f"{folder}/plan.mlir")
    refused("cpu", compile_command("--target-cpu", "z80", *bundle), '--target-cpu: found "z80"', folder)
    refused("no model", compile_command(*bundle, model="/nowhere/x.pt"), "found no file '/nowhere/x.pt'", folder)
    refused("a folder", compile_command(*bundle, model="/"), "", folder)
    refused("verify", ["colossal-verify", "--no-such-option"], "'--no-such-option'")
    refused("verify nothing", ["colossal-verify"], "found 0 files")
    refused("translate", ["colossal-translate"], "--import-torchscript")


def models(folder):
    """What forward does wrong. Needs torch."""
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self, function, dtype=torch.float32):
            super().__init__()
            self.head = nn.Linear(8, 8, dtype=dtype)
            self.function = function

        def forward(self, x):
            return self.function(self.head(x))

    def save(name, module, x):
        path = f"{folder}/{name}.pt"
        torch.jit.trace(module, (x,), check_trace=False).save(path)
        return path

    here = re.escape(__file__)
    x = torch.ones(4, 8)
    loss = lambda y: y.square().mean()
    several = lambda y: (torch.special.bessel_j0(torch.special.bessel_j0(y)) + torch.special.airy_ai(y) + torch.special.bessel_j0(y)).sum()
    cases = [
        ("f64", Model(loss, torch.float64), x.double(), "parameter 'head.weight' has type .*f64.*expected elements of type f32"),
        ("bf16", Model(loss, torch.bfloat16), x.bfloat16(), "parameter 'head.weight' has type .*bf16.*expected elements of type f32"),
        ("half", Model(loss, torch.float16), x.half(), "parameter 'head.weight' has type .*f16.*expected elements of type f32"),
        ("vector", Model(lambda y: y), x, "expected a scalar loss: give --loss"),
        ("constant", Model(lambda y: torch.zeros(())), x, "the loss does not depend on any parameter"),
        ("one", Model(lambda y: torch.special.bessel_j0(y).sum()), x, rf"unsupported op 'aten::special_bessel_j0\(.* in the root module \({here}:\d+\)$"),
        ("many", Model(several), x, rf"^error: 2 unsupported ops: 'aten::special_bessel_j0' in the root module \({here}:\d+\) and 2 more, 'aten::special_airy_ai'"),
    ]
    for name, module, value, expected in cases:
        refused(name, compile_command("-o", f"{folder}/x.colossal", model=save(name, module, value)), expected)
    # The planner has names only; the message has the place all the same.
    root = save("root", Model(lambda y: y.square().mean().sqrt()), x)
    refused("planner", compile_command("--pin", "microbatches=2", "-o", f"{folder}/x.colossal", model=root),
            rf"'aten::\w+' in the root module \({here}:\d+\)")
    # Text, with errors of the parser and the verifier.
    for name, text, expected in [
        ("text", "module {", r"text.mlir:\d"),
        ("words", "lorem ipsum", r"words.mlir:1:1"),
        ("types", 'func.func @forward(%x: tensor<4xf32> {colossal.role = 3 : i64}) -> tensor<4xf32> { return %x : tensor<4xf32> }',
         'found "colossal.role" = 3'),
        ("many-errors", "\n".join(f"func.func @f{i}(%x: i99) {{ return %x : i99 }}" for i in range(100)), "80 further errors are not shown"),
    ]:
        path = pathlib.Path(folder) / f"{name}.mlir"
        path.write_text(text)
        refused(name, compile_command("-o", f"{folder}/x.colossal", model=path), expected,
                most=21 if "further" in expected else 1)


def weights_file(path, tensors):
    """A safetensors file of {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    for name, (dtype, shape, contents) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(contents)]}
        data += contents
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


def values(folder):
    """Where parameters and buffers begin, and what they cannot begin with."""
    shapes = {"layers.0.weight": [16, 8], "layers.0.bias": [16], "layers.1.weight": [5, 16], "layers.1.bias": [5]}
    floats = lambda shape: ("F32", shape, bytes(4 * math.prod(shape)))
    whole = {name: floats(shape) for name, shape in shapes.items()}
    bundle, file, meta = ["-o", f"{folder}/x.colossal"], f"{folder}/x.safetensors", MLP.parent / "meta.pt"

    def weights(name, tensors, expected, model=MLP):
        weights_file(file, tensors)
        refused(name, compile_command("--weights", file, *bundle, model=model), expected, folder)
        os.remove(file)
    pathlib.Path(file).touch()
    refused("an empty file", compile_command("--weights", file, *bundle), "x.safetensors' is no safetensors file", folder)
    refused("an archive", compile_command("--weights", MLP, *bundle), "mlp.pt' is no safetensors file", folder)
    os.remove(file)
    refused("no file", compile_command("--weights", "/nowhere", *bundle), "--weights: found no file '/nowhere'", folder)
    refused("a folder", compile_command("--weights", folder, *bundle), "is a folder without model.safetensors", folder)
    weights("nothing", {}, "lacks 4 of 4 parameters: 'layers.0.weight', 'layers.0.bias', ")
    weights("one", {"layers.0.bias": whole["layers.0.bias"]}, "lacks 3 of 4 parameters: .*; it has 'layers.0.bias' and 0 more .*--init")
    weights("shape", {**whole, "layers.1.bias": floats([6])}, r"'layers.1.bias' \(6xf32, expected 5xf32\)$")
    weights("transposed", {**whole, "layers.0.weight": floats([8, 16])}, r"'layers.0.weight' \(8x16xf32, expected 16x8xf32\)$")
    weights("integers", {**whole, "layers.1.bias": ("I32", [5], bytes(20))}, r"'layers.1.bias' \(5xi32, expected 5xf32\)$")
    weights("bytes of floats", {**whole, "layers.1.bias": ("F8_E4M3", [5], bytes(5))}, r"\(5xF8_E4M3, expected 5xf32\)$")
    weights_file(file, whole)
    data = pathlib.Path(file).read_bytes()
    pathlib.Path(file).write_bytes(data[:-4])
    refused("cut off", compile_command("--weights", file, *bundle), "outside of its data of", folder)
    os.remove(file)
    # Without values there is a plan, and no bundle.
    subprocess.run(compile_command("--stop-after", "lower", "-o", f"{folder}/x.mlir", model=meta), check=True)
    os.remove(f"{folder}/x.mlir")
    refused("no values", compile_command(*bundle, model=meta), r"found no values of \d+ parameters \(.*--weights .*--init", folder)
    for name, option in [("weights", ["--weights", weights_file(file, {**whole, "more": floats([2])})]), ("init", ["--init", "normal:0.02"])]:
        done = subprocess.run(compile_command(*option, *bundle), capture_output=True, text=True)
        if done.returncode != 0 or bundle_of(f"{folder}/x.colossal"):
            complain(name, done.stderr)


def archive(path, change, extra=()):
    """A copy of the MLP with changed records and further ones."""
    with zipfile.ZipFile(MLP) as original, zipfile.ZipFile(path, "w") as made:
        for entry in original.infolist():
            made.writestr(entry.filename, change(entry.filename, original.read(entry)))
        for name, contents in extra:
            made.writestr(name, contents)
    return path


def nested(depth, name):
    """The pickle of a module that holds one module twice, which holds ...: 2^depth paths."""
    text = lambda t: b"X" + len(t).to_bytes(4, "little") + t.encode()
    module = b"c__torch__\nM\n)\x81}(ub"
    for level in range(1, depth + 1):
        module = (b"c__torch__\nM\n)\x81}(" + text(name + "a") + module + b"q" + bytes([level]) +
                  text(name + "b") + b"h" + bytes([level]) + b"ub")
    return b"\x80\x02" + module + b"."


def damage(folder):
    """Archives that ask for more than they are worth."""
    memory = {"preexec_fn": limited(resource.RLIMIT_AS, 2 << 30)}
    keep = lambda name, contents: contents
    replace = lambda data: lambda name, contents: data if name.endswith("/data.pkl") else contents
    many = archive(f"{folder}/many.pt", keep, [(f"mlp/extra/{i}", b"") for i in range(20000)])
    done = subprocess.run(["colossal-translate", "--import-torchscript", many, "-o", f"{folder}/many.mlir"], timeout=30,
                          capture_output=True, text=True, **memory)
    if done.returncode != 0:
        complain("many records", done.stderr)
    for name, made, expected in [
        ("shared", archive(f"{folder}/shared.pt", replace(nested(100, "m"))), "too many modules inside modules"),
        ("long names", archive(f"{folder}/long.pt", replace(nested(60, "m" * 1000))), "path has more than 4096"),
        ("records of lines", archive(f"{folder}/lines.pt", keep, [("mlp/" + "x\n" * 30000, b"")]), "unexpected record"),
        ("two folders", archive(f"{folder}/two.pt", keep, [("y" * 60000 + "/data.pkl", b"")]), "two folders"),
        ("no module", archive(f"{folder}/none.pt", replace(b"\x80\x02N.")), "does not hold a module"),
    ]:
        refused(name, ["colossal-translate", "--import-torchscript", made], expected, folder, **memory)
        refused(name, compile_command("-o", f"{folder}/x.colossal", model=made), expected, folder, **memory)
    names(folder)


def shown(name, text):
    """No byte of what a tool printed is obeyed by a terminal."""
    try:
        characters = set(text.decode()) - {"\n"}
    except UnicodeDecodeError as error:
        return complain(name, f"is not UTF-8: {error}")
    if bad := [c for c in characters if ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0]:
        complain(name, f"has {bad}: {text[-300:]}")


def names(folder):
    """Source files of debug information whose names are no text, with a fixed seed."""
    import random
    generator = random.Random(13)
    for number in range(3):
        word = bytes(generator.choice(b"\x1b\x07\x9b\xff\xc2[2J\r\n\x00ab") for _ in range(10))
        change = lambda name, contents: contents.replace(b"export_mlp", word) if name.endswith(".debug_pkl") else contents
        model, bundle = archive(f"{folder}/names.pt", change), f"{folder}/names.colossal"
        command = compile_command("-o", bundle, model=model)
        command.remove("--quiet")
        done = subprocess.run(command, capture_output=True)
        shown(f"names {number}", done.stderr)
        wrong = done.stderr if done.returncode != 0 else bundle_of(bundle)
        if wrong:
            complain(f"names {number}", f"{word}: {wrong}")
        done = subprocess.run(compile_command("--input", f"features={1 << 37}x8xf32", "--input", f"labels={1 << 37}xi64", "-o", bundle,
                                              model=model), capture_output=True)
        shown(f"error with names {number}", done.stderr)
        if done.returncode != 1 or b"'aten::linear' in module path 'layers.0' (" not in done.stderr:
            complain(f"error with names {number}", done.stderr)
        for name in os.listdir(bundle):
            if name.endswith(".json"):
                json.loads(pathlib.Path(bundle, name).read_text(encoding="utf-8"))


def limited(kind, amount):
    def limit():
        resource.setrlimit(kind, (amount, amount))
    return limit


@contextlib.contextmanager
def tiny_disk(folder, kibibytes):
    """A file system of this size; nothing where it cannot be made. The process moves into a mount
    namespace of its own."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    path = pathlib.Path(folder) / f"disk-{kibibytes}"
    path.mkdir()
    private = 1 << 18 | 1 << 14  # MS_PRIVATE | MS_REC
    if libc.unshare(0x20000) != 0 or libc.mount(b"none", b"/", None, private, None) != 0 or libc.mount(
            b"tmpfs", str(path).encode(), b"tmpfs", 0, f"size={kibibytes}k".encode()) != 0:
        print("note: no file system can be mounted here; not tried")
        yield None
        return
    try:
        yield path
    finally:
        libc.umount(str(path).encode())


def disk(folder):
    bundle = ["-o", f"{folder}/x.colossal"]
    space = "[Nn]o space left|[Ff]ile too large|quota|ulimit -f"
    refused("plan to /dev/full", compile_command("--emit-plan", "/dev/full", *bundle), space, folder)
    for phase in ["normalize", "lower"]:
        refused("text to /dev/full", compile_command("--stop-after", phase, "-o", "/dev/full"), space, folder)
        with open("/dev/full", "w") as full:
            done = subprocess.run(compile_command("--stop-after", phase, "-o", "-"), stdout=full, stderr=subprocess.PIPE, text=True)
        if done.returncode != 1 or not re.fullmatch(rf"error: .*({space}).*\n", done.stderr):
            complain("stdout to /dev/full", f"exit code {done.returncode}: {done.stderr}")
    refused("import to /dev/full", ["colossal-translate", "--import-torchscript", str(MLP), "-o", "/dev/full"], space)
    if not os.path.exists("/dev/full") or os.path.isfile("/dev/full"):
        complain("/dev/full", "was replaced by a file")
    # A log on a full disk is no reason to fail.
    with open("/dev/full", "w") as full:
        log = compile_command("--stop-after", "plan", "-o", f"{folder}/plan.mlir")
        log.remove("--quiet")
        if subprocess.run(log, stderr=full).returncode != 0:
            complain("log to /dev/full", "fails")
    for size in [0, 512, 4096, 65536, 1 << 20]:
        refused(f"files of {size} bytes", compile_command(*bundle), space + "|temporary", folder,
                preexec_fn=limited(resource.RLIMIT_FSIZE, size))
        refused(f"dumps of {size} bytes", compile_command("--dump-ir", f"{folder}/dump", *bundle), space + "|temporary",
                preexec_fn=limited(resource.RLIMIT_FSIZE, size))
        shutil.rmtree(f"{folder}/dump", ignore_errors=True)
    # Little memory: one line, whoever finds out.
    for mebibytes in [16, 64, 128, 200, 256, 300, 400]:
        done = subprocess.run(compile_command(*bundle), capture_output=True, text=True, timeout=120,
                              preexec_fn=limited(resource.RLIMIT_AS, mebibytes << 20))
        if done.returncode < 0 or len(done.stderr.strip().split("\n")) > 1:
            complain(f"{mebibytes} MiB", f"exit code {done.returncode}: {done.stderr}")
    for name in [b"caf\xe9", "mod\u00e8le", "two\nlines", "a b"]:
        name = name if isinstance(name, bytes) else name.encode()
        model = os.path.join(os.fsencode(folder), name + b".pt")
        shutil.copy(MLP, model)
        output = os.path.join(os.fsencode(folder), name + b".colossal")
        plan = os.path.join(os.fsencode(folder), name + b".json")
        done = subprocess.run(compile_command("--emit-plan", plan, "-o", output, model=model), capture_output=True)
        if done.returncode != 0 or not os.path.exists(os.path.join(output, b"manifest.json")):
            complain(str(name), f"exit code {done.returncode}: {done.stderr.decode(errors='replace')}")
        refused(str(name) + " missing", ["colossal-compile", model + b"x", "-o", output + b"x"], "found no file")
        refused(str(name) + " cluster", ["colossal-compile", model, "--quiet", "--cluster", model + b"x", "-o", output + b"x"], "")
    for kibibytes in [4, 64, 256, 1024, 4096]:
        with tiny_disk(folder, kibibytes) as path:
            if path:
                refused(f"bundle on {kibibytes} KiB", compile_command("-o", f"{path}/x.colossal"), space, path)
                refused(f"dump on {kibibytes} KiB", compile_command("--dump-ir", f"{path}/dump", "-o", f"{path}/x.colossal"), space)
                shutil.rmtree(path / "dump", ignore_errors=True)
                # What the importer writes needs no disk.
                done = subprocess.run(compile_command(*bundle, model=MLP.parent / "gpt2_sdpa.pt"), capture_output=True, text=True,
                                      env={**os.environ, "TMPDIR": str(path)})
                if done.returncode != 0 or os.listdir(path):
                    complain(f"temporary on {kibibytes} KiB", done.stderr)
                shutil.rmtree(f"{folder}/x.colossal", ignore_errors=True)
    metrics(folder)


def metrics(folder):
    """Metrics of a run whose disk becomes full: whole lines, an error, exit code 1."""
    bundle = f"{folder}/run.colossal"
    if not shutil.which("colossal-run") or subprocess.run(compile_command("-o", bundle)).returncode != 0:
        return
    header = lambda kind, shape: "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    for name, kind, shape, size in [("features", "<f4", "(8, 8)", 256), ("labels", "<i8", "(8,)", 64)]:
        text = header(kind, shape).ljust(117) + "\n"
        pathlib.Path(folder, f"{name}.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(size))
    with tiny_disk(folder, 8) as path:
        if not path:
            return
        refused("metrics on 8 KiB", ["colossal-run", bundle, "--data", f"features={folder}/features.npy", "--data",
                                     f"labels={folder}/labels.npy", "--steps", "1000", "--quiet", "--metrics", f"{path}/m.jsonl"],
                "--metrics .*No space left")
        lines = (path / "m.jsonl").read_text()
        steps = [json.loads(line)["step"] for line in lines.splitlines()]
        if not steps or steps != list(range(1, len(steps) + 1)) or not lines.endswith("\n"):
            complain("metrics on 8 KiB", f"are not whole: {lines[-200:]}")


def tree(folder):
    """Every file and folder below, with contents."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(pathlib.Path(folder).rglob("*"))}


def bundle_of(folder, *options):
    """Why `folder` is no whole bundle of its own; nothing if it is one."""
    done = subprocess.run(["colossal-verify", folder, *options], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or "colossal-verify fails"


def compiled(path, **how):
    return subprocess.run(compile_command("-o", path), capture_output=True, text=True, **how)


def output(folder):
    """What is replaced and what is not."""
    folder = pathlib.Path(folder)
    bundle = folder / "model.colossal"
    for mask, mode in [(0o022, 0o755), (0o077, 0o700)]:
        shutil.rmtree(bundle, ignore_errors=True)
        done = compiled(bundle, umask=mask)
        for path in [bundle, bundle / "ir", bundle / "lib", bundle / "run"]:
            if done.returncode != 0 or path.stat().st_mode & 0o777 != mode:
                complain(f"umask {mask:o}", f"{path.name} has mode {path.stat().st_mode:o} {done.stderr}")
    whole = tree(bundle)
    # A bundle is replaced, through a link and with a slash, too; the link stays.
    link = folder / "link"
    link.symlink_to("model.colossal")
    for name in [str(link), f"{folder}/./model.colossal//"]:
        (bundle / "weights.bin").unlink()  # damaged, but ours
        inode = bundle.stat().st_ino
        done = compiled(name)
        if done.returncode != 0 or bundle_of(bundle) or bundle.stat().st_ino == inode or not link.is_symlink():
            complain(name, f"is not replaced: {done.stderr}")
    # An older compiler's has the hash of its text as its proof.
    manifest = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(manifest.replace('  "format": "colossal-bundle",\n', ""))
    refused("no mark and a wrong hash", compile_command("-o", bundle), "without the mark of a bundle", folder)
    (bundle / "manifest.json").write_text(manifest)
    # What is no bundle, or not a bundle alone, stays as it is.
    manifests = {"app": '{"name": "my app", "start_url": "/", "files": []}', "version": '{"formatVersion": 5, "files": []}',
                 "array": "[]", "text": "colossal-bundle", "nested": '{"x": {"format": "colossal-bundle"}}',
                 "other": '{"format": "colossal-plan"}', "empty": ""}
    for name, text in manifests.items():
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text(text)
        (folder / name / "index.html").write_text("precious")
    for name in ["notes.txt", "ir/notes.txt", "lib/deep/er", "group-7.json"]:
        path = folder / f"with-{name.replace('/', '-')}"
        shutil.copytree(bundle, path)
        (path / name).parent.mkdir(exist_ok=True, parents=True)
        (path / name).write_text("precious")
        manifests[path.name] = None
    (folder / "file").write_text("precious")
    (folder / "empty-folder").mkdir()
    os.mkfifo(folder / "pipe")
    shutil.copytree(bundle, folder / "linked-manifest")
    (folder / "linked-manifest" / "manifest.json").unlink()
    (folder / "linked-manifest" / "manifest.json").symlink_to(bundle / "manifest.json")
    (folder / "to-app").symlink_to("app")
    (folder / "to-nothing").symlink_to("nothing")
    (folder / "to-itself").symlink_to("to-itself")
    (folder / "to-full").symlink_to("/dev/full")
    before = {name: tree(folder / name) for name in manifests}
    for name in [*manifests, "file", "empty-folder", "pipe", "linked-manifest", "to-app", "to-nothing", "to-itself", "to-full"]:
        refused(name, compile_command("-o", folder / name), "is no bundle", folder)
    refused("a folder in a file", compile_command("-o", folder / "file" / "x"), "cannot be made", folder)
    for name, files in before.items():
        if tree(folder / name) != files:
            complain(name, "was changed")
    # Devices are written or refused, never replaced and never removed.
    for device in ["/dev/full", "/dev/null"]:
        kind = os.stat(device)
        refused(f"-o {device}", compile_command("-o", device), "is no bundle", "/dev")
        for option in ["--emit-plan", "--dump-ir"]:
            done = subprocess.run(compile_command(option, device, "-o", folder / "devices.colossal"), capture_output=True, text=True)
            if (done.returncode != 1) != (device == "/dev/null" and option == "--emit-plan"):
                complain(f"{option} {device}", f"exit code {done.returncode}: {done.stderr}")
        if (os.stat(device).st_rdev, os.stat(device).st_ino) != (kind.st_rdev, kind.st_ino):
            complain(device, "was replaced")
    if tree(bundle) != whole:
        complain("model.colossal", "is not what it was compiled as")


def killed(folder):
    """A compiler that is ended at any moment: the bundle is the old or the new, nothing is left over."""
    import random
    import signal
    import time
    generator = random.Random(13)
    folder = pathlib.Path(folder)
    bundle, temporary = folder / "model.colossal", folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}

    def leftovers():
        return {name for name in os.listdir(folder) if ".partial-" in name}

    start = time.monotonic()
    if compiled(bundle).returncode != 0:
        return complain("killed", "does not compile")
    seconds = time.monotonic() - start
    for number in [signal.SIGKILL] * 6 + [signal.SIGTERM] * 3 + [signal.SIGINT]:
        # Half of them late, where files are written and moved.
        part = generator.uniform(0.7, 1.02) if generator.random() < 0.5 else generator.uniform(0.02, 0.7)
        before = leftovers()
        process = subprocess.Popen(compile_command("-o", bundle), env=environment, stderr=subprocess.DEVNULL)
        time.sleep(part * seconds)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = children.read_text().split() if children.exists() else []
        process.send_signal(number)
        process.wait()
        if wrong := bundle_of(bundle):
            complain(f"{number.name} after {part:.2f} of the time", wrong)
        end = time.monotonic() + 5
        alive = children
        while alive and time.monotonic() < end:
            alive = [child for child in alive if is_running(child)]
            time.sleep(0.01)
        if alive:
            complain(number.name, "a child goes on")
        # One that was killed before is removed by the next that comes so far.
        left = leftovers() - before
        if os.listdir(temporary) or (left and number != signal.SIGKILL):
            complain(number.name, f"leaves {left} {os.listdir(temporary)}")
    # Killed while the older bundle is removed, after the new one has its place.
    for _ in range(5):
        old = os.stat(bundle).st_ino
        process = subprocess.Popen(compile_command("-o", bundle), env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and os.stat(bundle).st_ino == old:
            pass
        process.kill()
        process.wait()
        if wrong := bundle_of(bundle):
            complain("SIGKILL after the exchange", wrong)
    if compiled(bundle).returncode != 0 or leftovers():
        complain("SIGKILL after the exchange", f"leaves {leftovers()}")
    # The importer's memory is limited, by the size of the archive.
    process = subprocess.Popen(compile_command("-o", bundle), env=environment)
    bytes_allowed = None
    while process.poll() is None and not bytes_allowed:
        try:
            for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                found = re.search(r"Max data size +(\d+)", pathlib.Path(f"/proc/{child}/limits").read_text())
                bytes_allowed = found and int(found.group(1))
        except OSError:
            pass
    process.wait()
    if not bytes_allowed or bytes_allowed > 2 << 30:
        complain("importer", f"may use {bytes_allowed} bytes")
    # What looks like a leftover: ours is removed, another's is not.
    for name, mark in [("1", "colossal-bundle\n"), ("22", None), ("333", "mine"), ("4x", "colossal-bundle\n")]:
        path = folder / f"model.colossal.partial-{name}"
        path.mkdir(exist_ok=True)
        if mark:
            (path / "unfinished").write_text(mark)
    shutil.copytree(bundle, folder / "model.colossal.replaced-5")
    done = compiled(bundle)
    left = sorted(name for name in os.listdir(folder) if name.startswith("model.colossal."))
    if done.returncode != 0 or left != ["model.colossal.partial-333", "model.colossal.partial-4x"]:
        complain("leftovers", f"{left} {done.stderr}")
    # Killed between two renames, on a file system that cannot exchange: the old one comes back.
    bundle.rename(folder / "model.colossal.replaced-6")
    for path in left:
        shutil.rmtree(folder / path, ignore_errors=True)
    refused("unknown CPU", compile_command("--target-cpu", "z80", "-o", bundle), "z80")
    if bundle_of(bundle):
        complain("replaced", "the older bundle is lost")


def is_running(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def sources(_):
    """Options that messages name exist."""
    known = known_options()
    for path in sorted([*(ROOT / "lib").rglob("*.cpp"), *(ROOT / "tools").rglob("*.cpp")]):
        code = re.sub(r"//[^\n]*", "", path.read_text())
        for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', code):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
                if option not in known:
                    complain(path.relative_to(ROOT), f"names the option {option}, which no tool has")


def main():
    with tempfile.TemporaryDirectory() as folder:
        {"options": options, "models": models, "damage": damage, "disk": disk, "sources": sources, "output": output, "values": values,
         "killed": killed}[sys.argv[1]](folder)
    print(f"{sys.argv[1]}: {faults} faults")


if __name__ == "__main__":
    main()
