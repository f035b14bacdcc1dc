#!/usr/bin/env python3
"""Shows a finished run: a picture of its loss curve, and a table of predictions against measurements.

    show_run.py --metrics metrics.jsonl --report report.json -o loss.png

Both files come from `colossal-run --metrics FILE --report FILE`. Memory is what a rank needs from the
end of loading to its peak (PSS); predictions are the compiler's, made before anything ran.
"""
import argparse
import json
from pathlib import Path

MEBIBYTE = 1 << 20


def read_metrics(file):
    rows = [json.loads(line) for line in Path(file).read_text().splitlines() if line.strip()]
    if not rows:
        raise SystemExit(f"show_run: {file} has no steps")
    return rows


def smoothed(values, window):
    """The mean over the last `window` values."""
    total, result = 0.0, []
    for i, value in enumerate(values):
        total += value - (values[i - window] if i >= window else 0.0)
        result.append(total / min(i + 1, window))
    return result


def loss_of(row):
    """A loss that is not finite is null, with what it is beside it."""
    return float(row["not_finite"]["loss"] if row["loss"] is None else row["loss"])


def picture(rows, file, title):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps, losses = [row["step"] for row in rows], [loss_of(row) for row in rows]
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    axes.plot(steps, losses, color="#9db8d9", linewidth=0.8, label="each step")
    axes.plot(steps, smoothed(losses, max(1, len(rows) // 20)), color="#1f4e8c", linewidth=1.8,
              label="mean of the last steps")
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per token)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file)


def table(report):
    """Rows of text: what, predicted, measured, measured / predicted."""
    def row(what, predicted, measured, unit):
        share = f"{measured / predicted:.2f}" if predicted else "-"
        return what, f"{predicted:.1f} {unit}", f"{measured:.1f} {unit}", share

    rows = [row("step time", 1e3 * report["predicted_step_seconds"],
                1e3 * report["measured_step_seconds_median"], "ms")]
    for entry in report["ranks"]:
        rows.append(row(f"memory of rank {entry['rank']}", entry["predicted_peak_bytes"] / MEBIBYTE,
                        entry["measured_bytes"] / MEBIBYTE, "MiB"))
    return [("", "predicted", "measured", "ratio"), *rows]


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--metrics", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--title", default="Training loss")
    parser.add_argument("--fallen-to", type=float, metavar="SHARE",
                        help="exit with an error unless the loss fell below this share of the first")
    parser.add_argument("-o", "--output", required=True, help="the picture, a .png")
    options = parser.parse_args()

    rows = read_metrics(options.metrics)
    report = json.loads(Path(options.report).read_text())
    picture(rows, options.output, options.title)
    print_table(table(report))
    few = max(1, len(rows) // 20)
    first = loss_of(rows[0])
    last = sum(loss_of(row) for row in rows[-few:]) / few
    print(f"loss: {first:.3f} in step 1, {last:.3f} in the last {few} of {len(rows)} steps")
    print(f"picture: {options.output}")
    if options.fallen_to and not last < options.fallen_to * first:
        raise SystemExit(f"show_run: the loss did not fall below {options.fallen_to} of the first")


if __name__ == "__main__":
    main()
