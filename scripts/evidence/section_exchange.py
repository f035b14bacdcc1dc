"""benchmarks/exchange.py: what data parallelism costs over the same work without exchange."""
import json

from report import PYTHON, ROOT, call, wait_for_quiet

TITLE = "Cost of data parallelism"
MOST = 3  # percent


def run(section):
    if not wait_for_quiet():
        section.say("Other processes were busy when this began: times are too long.")
    section.say("`benchmarks/exchange.py`: GPT-2 small on 2 ranks of one thread, 4 x 256 tokens each, beside two runs of one rank at the same "
                "time, each on one core with the samples of one rank; the best step of alternating rounds. *direct*: ranks of a node read each "
                "other's memory; *window*: through shared memory.")
    rows, added = [], {}
    for transport in ("direct", "window"):
        file = section.work / f"{transport}.json"
        call(PYTHON, ROOT / "benchmarks" / "exchange.py", "--transport", transport, "--rounds", 3, "--json", file, "--work",
             section.work, timeout=3600)
        result = json.loads(file.read_text())
        best = {name: min(run["seconds"]) for name, run in result["runs"].items()}
        added[transport] = 100 * (best["with exchange"] / best["without"] - 1)
        waits = ", ".join(f"{100 * seconds / step:.1f} %" for seconds, step in result["communication"])
        rows.append((transport, f"{best['with exchange']:.3f}", f"{best['without']:.3f}", f"{added[transport]:.1f} %", waits))
    section.table(("transport", "with exchange, s", "without, s", "adds", "of a step in collectives and waits, by rank"), rows, "lrrrl")
    section.claim(added["direct"] <= MOST, f"the exchange costs at most {MOST} % ({added['direct']:.1f} %)")
