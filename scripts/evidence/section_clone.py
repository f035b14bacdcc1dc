"""A clean clone: both commands of the README, with their wall time."""
import re
import shutil
import time

from report import ROOT, call

TITLE = "A clean clone"


def timed(*command, folder):
    begin = time.time()
    code, text = call("bash", "-c", f"cd {folder} && CCACHE_DISABLE=1 " + " ".join(command), timeout=7200, may_fail=True)
    return code, time.time() - begin, text


def run(section):
    folder = section.work / "clone"
    shutil.rmtree(folder, ignore_errors=True)
    call("git", "clone", "-q", ROOT, folder)
    rows, good = [], True
    for command in ("scripts/quickstart.sh", "scripts/test.sh", "scripts/quickstart.sh"):
        code, seconds, text = timed(command, folder=folder)
        (section.work / (command.split("/")[1] + ".log")).write_text(text)
        installed = re.search(r"setup: installing (.*)", text)
        last = text.strip().splitlines()[-1] if text.strip() else ""
        good &= code == 0
        rows.append((command + (" (again)" if any(row[0] == command for row in rows) else ""), code,
                     f"{seconds / 60:.1f}", "yes" if installed and "requirements" not in installed.group(1) else "no",
                     last[:80]))
    section.say("`git clone`, then both commands, without the compiler cache; *packages*: whether Debian packages were "
                "missing and had to be installed.")
    section.table(("command", "exit code", "minutes", "packages", "last line"), rows, "lrrll")
    section.claim(good, "both commands succeed in a clean clone")
    quick = float(rows[0][2])
    section.claim(quick <= 25, "quickstart takes at most 25 minutes")
