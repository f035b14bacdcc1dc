"""The search is a search: against enumeration, against pins, on clusters that want different plans."""
import itertools
import json

from report import BIN, MEBIBYTE, PYTHON, ROOT, call, lit_tests, mark, unit_tests

TITLE = "The search is a search"
SIZES = ["--layers", "4", "--width", "256", "--heads", "8", "--vocab", "1024", "--context", "64", "--batch", "32"]
CLUSTERS = ("cpu-2", "fast-links-4", "slow-links-4", "tiny-memory-4", "two-level")


def planned(section, archive, cluster, pins):
    """The plan as a dictionary, or the line of the refusal."""
    plan = section.work / "plan.json"
    plan.unlink(missing_ok=True)
    code, text = call(BIN / "colossal-compile", archive, "--cluster", ROOT / "examples" / "clusters" / f"{cluster}.json",
                      *(["--pin", pins] if pins else []), "--emit-plan", plan, "--stop-after", "plan",
                      "-o", section.work / "planned.mlir", may_fail=True)
    if code == 0:
        return json.loads(plan.read_text())
    return next((line for line in text.splitlines() if "error" in line), text.strip()[-200:])


def pins_for(devices):
    """Every division of the devices, with ZeRO 1 where there is data parallelism."""
    sizes = [size for size in range(1, devices + 1) if devices % size == 0]
    for data, tensor, pipeline in itertools.product(sizes, repeat=3):
        if data * tensor * pipeline != devices:
            continue
        base = f"data={data},tensor={tensor},pipeline={pipeline}"
        yield base
        if data > 1:
            yield base + ",zero=1"


def describe(plan):
    """Mesh, what its axes cut, stages."""
    parts = [f"{name}={size}" for name, size in plan["mesh"] if size > 1]
    if plan["stages"] > 1:
        parts.append(f"{plan['stages']} stages, {plan['microbatches']} microbatches, {plan['schedule']}")
    elif plan["microbatches"] > 1:
        parts.append(f"{plan['microbatches']} microbatches")
    return ", ".join(parts) or "one device"


def memory(plan):
    return max(stage["state_bytes"] + stage["accumulator_bytes"] + stage["transient_bytes"]
               + stage["activation_bytes"] * stage["in_flight"] for stage in plan["predicted"]["stages"]) / MEBIBYTE


def against_pins(section, archive):
    section.say("GPT-2, " + " ".join(SIZES).replace("--", "") + ", on checked-in clusters: the plan found without pins and "
                "the best of all pinned ones (every division into data, tensor and pipeline, with and without ZeRO 1).")
    rows, good = [], True
    for cluster in CLUSTERS:
        devices = json.loads((ROOT / "examples" / "clusters" / f"{cluster}.json").read_text())["devices"]
        found = planned(section, archive, cluster, "")
        pinned = {pins: planned(section, archive, cluster, pins) for pins in pins_for(devices)}
        plans = {pins: plan for pins, plan in pinned.items() if isinstance(plan, dict)}
        if isinstance(found, str):
            rows.append((cluster, found[:100], "", "", "", mark(not plans)))
            good &= not plans
            continue
        best = min(plans, key=lambda pins: plans[pins]["predicted"]["step_ns"]) if plans else None
        cost = found["predicted"]["step_ns"]
        fine = best is None or cost <= plans[best]["predicted"]["step_ns"]
        good &= fine
        rows.append((cluster, describe(found), f"{cost * 1e-6:.2f}", f"{memory(found):.1f}",
                     f"{best}: {plans[best]['predicted']['step_ns'] * 1e-6:.2f} ms ({len(plans)} of {len(pinned)} fit)"
                     if best else "none fits", mark(fine)))
    section.table(("cluster", "found", "step, ms", "memory, MiB", "best pinned", "found <= pinned"), rows, "llrrll")
    section.claim(good, "no pinned plan is predicted faster than the plan found")


# Claim -> the tests that show it: names of GoogleTests, or paths of lit tests.
CLAIMS = {
    "(a) the solver's cost equals exhaustive enumeration on 500 random Problems": ["Solvers.IntegerProgramEqualsEnumeration"],
    "(b) data parallel, with ZeRO 1, where links are slow": ["Search.DataParallelWithZeroOnSlowLinks"],
    "(b) column-then-row split with sequence-sharded norms": ["Search.MegatronOnFastLinks"],
    "(b) vocabulary-parallel head and loss": ["Search.VocabularyParallelHeadAndLoss"],
    "(b) a pipeline": ["Search.PipelineOnSlowLinks"],
    "(b) a mix over two link levels": ["Search.MixOverTwoLinkLevels"],
    "(c) never worse than pinned plans": ["Search.NeverWorseThanPins"],
    "(d) the same plan for a renamed, transposed block; no op named in lib/Plan": ["Search.DisguisedProgramsGetTheSamePlan",
                                                                              "Plan/names-no-op.test"],
    "(e) collectives of GPT-2 under tensor=2, counted": ["Plan/tensor-parallel.test"],
    "the same input gives the same plan": ["Search.SamePlanTwice"],
    "a refusal says what is missing": ["Search.RefusalSaysWhatIsMissing"],
}


def run(section):
    results = dict(unit_tests("ColossalPlanTests"))
    results.update(lit_tests("Plan/"))
    rows = []
    for claim, names in CLAIMS.items():
        rows.append((claim, ", ".join(names), mark(all(results.get(name, False) for name in names))))
    named = {name for names in CLAIMS.values() for name in names}
    others = {name: passed for name, passed in results.items() if name not in named}
    section.say("Unit tests of the solvers and the search, lit tests of plans:")
    section.table(("what", "test", ""), rows)
    section.say(f"{sum(others.values())} of {len(others)} other tests of the planner pass"
                + "".join(f"; {name}: {mark(False)}" for name, passed in others.items() if not passed) + ".")
    section.claim(all(results.get(name, False) for name in named) and all(others.values()), "the tests of the planner pass")
    archive = section.work / "gpt2.pt"
    if not archive.exists():
        call(PYTHON, ROOT / "examples" / "export_gpt2.py", *SIZES, "-o", archive)
    against_pins(section, archive)
