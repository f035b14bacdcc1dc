"""benchmarks/growth.py: compile time for each node, from small programs to large ones."""
import json
import sys

from report import PYTHON, ROOT, call

sys.path.append(str(ROOT / "benchmarks"))
import growth  # noqa: E402

TITLE = "Growth of compile time"
LEAST = 1.0  # seconds that a phase takes before its growth is judged


def run(section):
    section.say("`benchmarks/growth.py`: seconds of the CPU, with MiB at the peak in brackets, of each phase; *growth* is the time per node of "
                f"the largest size over that of the smallest with a tenth of a second, of phases that take {LEAST:.0f} s. Plan's peak has Partition, Schedule and Lower "
                "in it, which it runs to know what a plan needs. Emit is LLVM for the most part: it compiles the distinct kernels.")
    worst = {}
    for family in growth.SIZES:
        call(PYTHON, ROOT / "benchmarks" / "growth.py", family, "--work", section.work, "--timeout", 900, timeout=7200)
        tell(section, family, section.work, worst)
    judge(section, section.work, worst)


def tell(section, family, work, worst):
    """The table of a family from its results in `work`; its growth goes into `worst`, {(family, phase): growth}."""
    files = {size: work / f"{family}-{size}-1.json" for size in growth.SIZES[family]}
    results = {size: json.loads(file.read_text()) for size, file in files.items() if file.exists()}
    grown = growth.growth_of(results, LEAST)
    worst.update({(family, phase): value for phase, value in grown.items()})
    section.say(f"**{family}**: {' '.join(growth.__doc__.split(f'    {family} ')[1].split(chr(10))[0].split())}")
    rows = [[str(cell) for cell in row] for row in growth.rows_of(results)]
    rows.append(["growth", "", *(f"{grown[phase]:.1f}" if phase in grown else "" for phase in ("all", *growth.PHASES)), ""])
    section.table(("size", "nodes", "all", *growth.PHASES, ""), rows, "r" * 11)


def judge(section, work, worst):
    family, phase = max(worst, key=worst.get)
    section.claim(worst[family, phase] <= 2, f"no phase's time per node grows by more than 2 (at most {worst[family, phase]:.1f}: {phase} of {family})")
    phases = json.loads((work / "gpt2-48-1.json").read_text())["phases"]
    rest = sum(phases[phase] for phase in ("partition", "schedule", "lower", "emit"))
    section.claim(phases["plan"] <= 5, f"GPT-2 of 48 layers is planned for 16 devices in 5 s ({phases['plan']:.1f} s)")
    section.claim(rest <= 10, f"from Partition to Emit it takes 10 s ({rest:.1f} s, {phases['emit']:.1f} of them in Emit)")
