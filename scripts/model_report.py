"""The table of docs/Models.md: the report of scripts/models.py."""
import json
import re
import subprocess
from pathlib import Path

NOTHING = ("draws nothing", "predicts nothing")
NO_AUTOCAST = "autocast cannot"


def kind_of(good, text):
    """ok, refused (the model has no such plan), late, stops (an error) or differs."""
    if good:
        return "ok"
    if "no plan: " in text:
        return "refused"
    return "late" if re.search("not done within|none within", text) else "stops" if "stops: " in text else "differs"


def reason_of(text):
    """A failure in a few words, without folders of this machine."""
    text = " ".join(text.replace("|", "\\|").split())
    text = re.sub(r"^.*?\(\S+ s\): FAIL ", "", text)
    text = re.sub(r" ?\(log:.*", "", re.sub(r"^stops: (Failure: )?(\S+: exit code \S+: )?(error: )?", "", text))
    return re.sub(r"'?/\S*/", "", text.rpartition("no plan: ")[2]).strip()[:240]


def outcome(one):
    """(cell, reason) of a result."""
    if one is None:
        return "", ""
    kind = one.get("kind") or kind_of(one["good"], one["text"])
    if kind == "ok":
        if one["text"].startswith(NOTHING):
            return "–", ""
        if one["text"].startswith(NO_AUTOCAST):
            return NO_AUTOCAST, one["text"]
        return "yes" if re.fullmatch(r"\d+ ops", one["text"]) else f"{one['seconds']:.0f} s", ""
    return {"refused": "refused", "late": f"> {one['seconds']:.0f} s"}.get(kind, f"**{kind}**"), reason_of(one["text"])


def title_of(part, plan):
    if part in ("evaluate", "exact"):
        return f"{'eval' if part == 'evaluate' else 'f64'} {plan}"
    return plan + {"plans": "", "chance": ", dropout", "outputs": ", evaluate", "bf16": ", bf16"}.get(part, f", {part[6:]} steps")


def kept_rows(path):
    """The page's rows: model -> title of a column -> cell."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    rows, head = {}, None
    for line in lines:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[:1] == ["model"]:
            head = cells
        elif head and len(cells) == len(head) and not line.startswith("|---"):
            rows[cells[0]] = dict(zip(head[1:], cells[1:]))
    return rows


def kind_of_cell(cell):
    if not cell:
        return None
    kinds = {"refused": "refused", "**differs**": "differs", "**stops**": "stops", NO_AUTOCAST: "refused"}
    return kinds.get(cell, "late" if cell.startswith(">") else "ok")


def reasons_of(row, results):
    """Why some cells of a row are not what they should be: of results, and of what the page says where there are none."""
    found = {}  # reason -> titles
    for part, plan, one in results:
        row[title_of(part, plan)], reason = outcome(one)
        if reason:
            found.setdefault(reason_of(reason).replace("; ", ", "), []).append(title_of(part, plan))
    known = {title_of(part, plan) for part, plan, _ in results}
    kept = [text for text in row.get("why not", "").split("; ") if text and text.partition(": ")[0] not in known
            and text not in found] if any(kind_of_cell(cell) not in (None, "ok") for title, cell in row.items()
                                          if title not in known and title != "why not") else []
    marked = [f"{titles[0]}: {text}" for text, titles in found.items()]  # a later result of the same replaces it
    return "; ".join([*kept, *marked])


def report(path, folder, plans):
    """Writes the page from the results in `folder` and what it has; `plans`: those of each part, by default."""
    results = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    long = sorted({part for result in results for part in result if part.startswith("plans-")}, key=lambda part: int(part[6:]))
    rows = kept_rows(path)
    parts = ("plans", *long, "chance", "evaluate", "outputs", "bf16", "exact")
    columns = [title_of(part, plan) for part in parts for plan in dict.fromkeys(
                   [*plans.get(part, plans["plans"]), *(plan for result in results for plan in result.get(part, {}))])
               if any(plan in result.get(part, {}) for result in results) or any(title_of(part, plan) in row for row in rows.values())]
    # Columns of plans that are not tried by default stay where the page has them.
    known = list(next(iter(rows.values()), {}))
    for before, title in zip([None, *known], known):
        if title not in (*columns, "why not"):
            columns.insert(columns.index(before) + 1 if before in columns else 0, title)
    for result in results:
        row = rows.setdefault(result["name"], {})
        row["why not"] = reasons_of(row, [(part, plan, one) for part in parts for plan, one in result.get(part, {}).items()])
        if "builds" in result:
            row["why not"] = "; ".join(filter(None, [row["why not"], reason_of(result["builds"])]))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()
    lines = ["# Models", "",
             f"Written by `scripts/models.py report` after {commit}, from results of `scripts/models.py run` and `chance` in parts. Each model is",
             "compiled, proved (`colossal-verify`), run over MPI for three steps and compared with PyTorch: losses, gradients and parameters within",
             "4 times PyTorch's own f32-to-f64 difference; over more steps each loss, and the tensors after the last step, by what PyTorch differs",
             "after as many. That difference is the largest over eight draws of PyTorch's rounding, the same for all models: as it is, without oneDNN,",
             "and from parameters moved by at most one unit in the last place (`test/Execution/rounding.py`; the last seven only where the first does not",
             "do). In deep networks with batch norm on two samples a gradient of one draw is up to 3000 times as far from f64 as that of another: some",
             "activation lies at the kink of a ReLU. Eval: the traced graph of predictions passes Import and Normalize; interpreted in f64 it is within 1e-10 of PyTorch's f64.",
             "Evaluate: the model after eval() is the second program of a bundle, run alone; its loss and its predictions are within 4 times PyTorch's",
             "own f32-to-f64 difference. bf16: losses of eight steps and gradients of the first are no farther from f32 than twice what PyTorch's",
             "autocast is (`test/Execution/precision.py`); \"autocast cannot\" (among the refused): PyTorch itself stops or gives no finite loss.",
             "F64: the graph of training passes Import, Normalize and Differentiate, and loss and gradients, interpreted in f64, are within 1e-10.",
             "With dropout as the model has it, the losses under a plan are compared with those of one rank",
             "(–: the model draws nothing). Seconds are those of all that, PyTorch's part included, on a machine that did other work too. Refused: the",
             "model has no such plan, and the compiler says why in one line. An empty cell, or a model that is not in the table: not tried.", "",
             "| plan | tried | agree | refused | differ | stop | too slow |", "|---|---|---|---|---|---|---|"]
    for column in columns:
        kinds = [kind for row in rows.values() if (kind := kind_of_cell(row.get(column, "")))]
        count = [kinds.count(kind) for kind in ("ok", "refused", "differs", "stops", "late")]
        lines.append(f"| {column} | {len(kinds)} | " + " | ".join(map(str, count)) + " |")
    lines += ["", "| model | " + " | ".join(columns) + " | why not |", "|" + "---|" * (len(columns) + 2)]
    for name, row in sorted(rows.items()):
        lines.append(f"| {name} | " + " | ".join(row.get(column, "") for column in columns) + f" | {row.get('why not', '')} |")
    Path(path).write_text("\n".join(lines) + "\n")
