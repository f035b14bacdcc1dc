"""Planted faults in rank programs and in partitioned programs."""
import json

from report import PYTHON, ROOT, CommandFailed, call, mark, unit_tests

TITLE = "Collectives"


def run(section):
    file = section.work / "faults.json"
    file.unlink(missing_ok=True)
    _, text = call(PYTHON, ROOT / "test" / "Execution" / "plant_faults.py", "--work", section.work,
                   "--json", file, may_fail=True)
    if not file.exists():
        raise CommandFailed(f"plant_faults.py: {text.strip().splitlines()[-1]}")
    results = json.loads(file.read_text())
    section.say("Faults planted in the rank programs of a bundle (two stages of two ranks, ZeRO 1, 4 microbatches); "
                "`colossal-run` must end with exit code 1 and one line that names the op, and for a conflict of "
                "two ops both.")
    section.table(("fault", "refused", "message"), [
        (result["fault"], mark(result["good"]) + (f" {result['wrong']}" if result["wrong"] else ""),
         shortened(result["message"])) for result in results])
    good = sum(result["good"] for result in results)
    section.claim(good == len(results) and good >= 12, f"{good} of {len(results)} faults in rank programs are refused")
    tests = unit_tests("ColossalPartitionTests", "*Check*:*Fault*")
    section.say("Faults in partitioned programs, where shardings are still known (a dropped all-reduce leaves a partial "
                "value), and in reshards; unit tests:")
    section.table(("test", ""), [(name, mark(passed)) for name, passed in tests])
    section.claim(bool(tests) and all(passed for _, passed in tests), "faults in partitioned programs are refused")


def shortened(message):
    """Without the paths of this machine, for a table."""
    import re
    text = re.sub(r"^.*?: error: ", "", message)
    text = re.sub(r"\S*/([\w.-]+\.colossal): ", "", text)
    text = re.sub(r" \(/[^)]*/([^/)]+)\)", r" (\1)", text)
    return text.replace("|", "\\|")
