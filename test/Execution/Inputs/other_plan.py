"""Compiles a perceptron under data=2 and checks it against cases that ask for something else."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cases import Case
from run_case import Failure, check_plan, compile_case, reference_of

work = Path(sys.argv[1])
folder = work / "other-plan"
folder.mkdir(parents=True, exist_ok=True)
manifest = compile_case(Case("mlp", 2, "data=2,zero=0"), reference_of("mlp", work, 20), folder, work)
for pins, ranks in (("data=2", 2), ("tensor=2", 2), ("data=2,zero=1", 2), ("pipeline=2", 2), ("microbatches=2", 2),
                    ("data=2", 4)):
    try:
        print(f"{pins} on {ranks}: {check_plan(Case('mlp', ranks, pins), manifest, folder / 'model.colossal')}")
    except Failure as failure:
        print(f"{pins} on {ranks}: {failure}")
