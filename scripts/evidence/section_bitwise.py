"""The same run twice, and over both transports: every byte of state and every loss."""
from cases import Case
from report import mark
from run_case import compile_case, data_options, reference_of, run_bundle

TITLE = "Bitwise"
STEPS = 5
PLANS = [Case("mlp", 2, "data=2"), Case("gpt2", 2, "data=2,zero=1"), Case("gpt2", 4, "data=2,tensor=2"),
         Case("gpt2-ignored", 4, "data=2,pipeline=2,microbatches=4"),
         Case("gpt2", 8, "data=2,tensor=2,pipeline=2,microbatches=4")]


def losses(metrics):
    """The lines without what is measured."""
    import json
    return [{key: value for key, value in json.loads(line).items()
             if key not in ("seconds", "tokens_per_second")} for line in metrics.read_text().splitlines()]


def same(first, second):
    """Whether two runs left the same bytes; how many files were compared."""
    names = sorted(file.name for file in first[0].glob("*.npy"))
    good = names == sorted(file.name for file in second[0].glob("*.npy")) and bool(names)
    good = good and all((first[0] / name).read_bytes() == (second[0] / name).read_bytes() for name in names)
    return good and losses(first[1]) == losses(second[1]), len(names)


def run(section):
    section.say(f"{STEPS} steps; compared are the bytes of every state tensor afterwards and the losses of every step.")
    rows, good = [], True
    for case in PLANS:
        folder = section.work / case.name.replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        reference = reference_of(case.model, section.work, 20)
        compile_case(case, reference, folder, section.work)
        data = data_options(reference)
        go = lambda name, *extra: run_bundle(folder / "model.colossal", case.ranks, STEPS, data, folder, name, extra)
        window, again, sent = go("window", "--transport", "window"), go("again", "--transport", "window"), \
            go("p2p", "--transport", "p2p")
        (twice, files), (paths, _) = same(window, again), same(window, sent)
        good &= twice and paths
        rows.append((case.model, case.ranks, case.pins, files, mark(twice), mark(paths)))
    section.table(("model", "ranks", "pins", "tensors", "same run twice", "window = point to point"), rows, "lrlrll")
    section.claim(good, "every pair of runs is bitwise equal")
