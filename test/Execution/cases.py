"""The models and plans that test/Execution and scripts/evidence.sh run.

A model is a row of options for test/Python/reference.py; a case is a model, a number of ranks and pins
(none: the plan that the search finds). Models are small: the interpreter executes every rank of every
case, and a case takes three runs over MPI.
"""
from dataclasses import dataclass

ADAMW = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"


@dataclass(frozen=True)
class Model:
    options: str  # of reference.py: kind and sizes
    optimizer: str = ADAMW
    clip_norm: float = 0.0


MODELS = {
    "mlp": Model("mlp --sizes 24,48,32,10 --batch 16"),
    # Parameters are most of the memory, in many equal parts.
    "mlp-deep": Model("mlp --sizes 64,64,64,64,64,64,64,64,64,64 --batch 16"),
    # No size that 2 divides but the batch.
    "mlp-odd": Model("mlp --sizes 21,45,11 --activation gelu --batch 12",
                     "sgd:lr=0.1,momentum=0.9,weight-decay=0.01"),
    "gpt2": Model("gpt2 --layers 2 --width 32 --heads 4 --vocab 60 --context 16 --batch 8"),
    "gpt2-eager": Model("gpt2 --layers 2 --width 32 --heads 4 --vocab 60 --context 16 --batch 8 "
                        "--attention eager --untied"),
    "gpt2-ignored": Model("gpt2 --layers 2 --width 24 --heads 4 --vocab 53 --context 16 --batch 8 "
                          "--ignored"),
    "gpt2-eager-ignored": Model("gpt2 --layers 1 --width 24 --heads 4 --vocab 53 --context 16 "
                                "--batch 8 --attention eager --ignored"),
    "gpt2-three-heads": Model("gpt2 --layers 2 --width 24 --heads 3 --vocab 51 --context 16 --batch 4"),
    "gpt2-four-layers": Model("gpt2 --layers 4 --width 24 --heads 2 --vocab 50 --context 16 --batch 8"),
    "gpt2-clipped": Model("gpt2 --layers 2 --width 24 --heads 4 --vocab 50 --context 16 --batch 8",
                          clip_norm=0.5),
    # More than one value crosses their cuts.
    "decoder": Model("pipelined --kind decoder --batch 4"),
    "skips": Model("pipelined --kind skips --batch 8", "sgd:lr=0.05,momentum=0.9"),
    "gpt2-vocabulary": Model("gpt2 --layers 1 --width 16 --heads 2 --vocab 50257 --context 8 --batch 4"),
}


@dataclass(frozen=True)
class Case:
    model: str
    ranks: int
    pins: str = ""
    # The budget is what the plan of these pins needs, and what `pins` leaves open is found.
    within: str = ""

    @property
    def name(self):
        def word(pins):
            return pins.replace("=", "").replace(",", "-")

        return f"{self.model}/{self.ranks}/{word(self.pins) or 'found'}" + (f"-within-{word(self.within)}" if self.within else "")


# Keys are subjects, as the issue of a failure is looked for: `run_case.py --subject tensor`.
SUBJECTS = {
    "unsharded": [Case(model, 1) for model in MODELS],
    "data": [
        Case("mlp", 2, "data=2"),
        Case("mlp-odd", 3, "data=3"),
        Case("gpt2", 2, "data=2"),
        Case("gpt2", 4, "data=4"),
        Case("gpt2-eager", 2, "data=2"),
        Case("gpt2-ignored", 2, "data=2,microbatches=4"),
        Case("gpt2-eager-ignored", 2, "data=2,microbatches=2"),
        Case("gpt2-clipped", 2, "data=2"),
    ],
    "zero": [
        Case("mlp-odd", 2, "data=2,zero=1"),
        Case("gpt2", 2, "data=2,zero=1"),
        Case("gpt2", 4, "data=4,zero=1"),
        Case("gpt2-clipped", 2, "data=2,zero=1,microbatches=2"),
        Case("mlp-odd", 3, "data=3,zero=2,microbatches=2"),
        Case("gpt2", 2, "data=2,zero=2,microbatches=2"),
        Case("gpt2-clipped", 4, "data=4,zero=2"),
        Case("mlp-odd", 3, "data=3,zero=3"),
        Case("gpt2", 2, "data=2,zero=3,microbatches=2"),
        Case("gpt2", 4, "data=4,zero=3"),
        Case("gpt2-clipped", 2, "data=2,zero=3,microbatches=4"),
    ],
    # With what else a plan may have.
    "zero-together": [
        Case("gpt2", 4, "data=2,pipeline=2,chunks=1,microbatches=4,zero=2"),
        Case("gpt2-clipped", 4, "data=2,pipeline=2,chunks=1,microbatches=4,zero=3"),
        Case("gpt2-four-layers", 4, "data=2,pipeline=2,chunks=2,microbatches=4,zero=2"),
        Case("gpt2-four-layers", 4, "data=2,pipeline=2,chunks=2,microbatches=2,zero=3"),
        Case("gpt2", 4, "data=2,tensor=2,zero=2,microbatches=2"),
        Case("gpt2", 4, "data=2,tensor=2,zero=3"),
        Case("gpt2", 2, "data=2,zero=2,microbatches=2,recompute=all"),
        Case("gpt2-four-layers", 4, "data=2,pipeline=2,chunks=1,microbatches=4,zero=3,recompute=all"),
        Case("skips", 4, "data=2,pipeline=2,microbatches=2,zero=3"),
    ],
    # ZeRO that the search finds: less does not fit.
    "zero-found": [
        Case("mlp-deep", 2, "data=2", within="data=2,zero=2"),
        Case("mlp-deep", 4, "data=4", within="data=4,zero=3"),
    ],
    "tensor": [
        Case("mlp", 2, "tensor=2"),
        Case("mlp-odd", 2, "tensor=2"),
        Case("gpt2", 2, "tensor=2"),
        Case("gpt2", 4, "tensor=4"),
        Case("gpt2-eager", 2, "tensor=2"),
        Case("gpt2-eager", 4, "tensor=4"),
        Case("gpt2-three-heads", 2, "tensor=2"),
        Case("gpt2-clipped", 2, "tensor=2"),
    ],
    "vocabulary": [
        Case("gpt2-vocabulary", 2, "tensor=2"),
        Case("gpt2-vocabulary", 4, "tensor=4"),
        Case("gpt2-ignored", 4, "tensor=4"),
    ],
    "pipeline": [
        Case("mlp", 2, "pipeline=2,microbatches=4,schedule=gpipe"),
        Case("gpt2", 2, "pipeline=2,microbatches=4,schedule=gpipe"),
        Case("gpt2", 2, "pipeline=2,chunks=1,microbatches=4,schedule=1f1b"),
        Case("gpt2-four-layers", 4, "pipeline=4,microbatches=4,schedule=gpipe"),
        Case("gpt2-four-layers", 4, "pipeline=4,chunks=1,microbatches=4,schedule=1f1b"),
        Case("gpt2-eager", 2, "pipeline=2,chunks=1,microbatches=4,schedule=1f1b"),
        Case("gpt2-clipped", 2, "pipeline=2,chunks=1,microbatches=4"),
        Case("decoder", 2, "pipeline=2,microbatches=2,schedule=gpipe"),
        Case("decoder", 3, "pipeline=3,chunks=1,microbatches=4,schedule=1f1b"),
        Case("skips", 4, "pipeline=4,chunks=1,microbatches=4,schedule=1f1b"),
        Case("skips", 7, "pipeline=7,chunks=1,microbatches=2"),
    ],
    # Several stages on a device group.
    "interleaved": [
        Case("gpt2-four-layers", 2, "pipeline=2,chunks=2,microbatches=4"),
        Case("gpt2-four-layers", 2, "pipeline=2,chunks=2,microbatches=2,schedule=gpipe"),
        Case("gpt2-four-layers", 4, "data=2,pipeline=2,chunks=2,microbatches=2,zero=1"),
        Case("gpt2-clipped", 2, "pipeline=2,chunks=2,microbatches=8"),
        Case("mlp-odd", 2, "pipeline=2,chunks=2,microbatches=3"),
        Case("decoder", 2, "pipeline=2,chunks=2,microbatches=4"),
        Case("skips", 2, "pipeline=2,chunks=3,microbatches=4"),
    ],
    "pairs": [
        Case("mlp", 4, "data=2,tensor=2"),
        Case("gpt2", 4, "data=2,tensor=2"),
        Case("gpt2-eager", 4, "data=2,tensor=2"),
        Case("mlp", 4, "data=2,pipeline=2,microbatches=4"),
        Case("gpt2-ignored", 4, "data=2,pipeline=2,microbatches=4"),
        Case("gpt2-eager", 4, "data=2,pipeline=2,microbatches=2"),
        Case("mlp", 4, "tensor=2,pipeline=2,microbatches=4"),
        Case("gpt2", 4, "tensor=2,pipeline=2,microbatches=4"),
        Case("gpt2-eager", 4, "tensor=2,pipeline=2,microbatches=4"),
        Case("gpt2", 4, "data=2,pipeline=2,microbatches=4,zero=1"),
        Case("decoder", 4, "tensor=2,pipeline=2,microbatches=2"),
        Case("skips", 4, "data=2,pipeline=2,microbatches=2"),
        Case("gpt2", 4, "data=2,tensor=2,zero=1"),
    ],
    # Meshes of three axes.
    "axes": [
        Case("mlp", 8, "data=2x2,tensor=2,zero=1"),
        Case("mlp-odd", 8, "data=2x2,tensor=2,zero=3,microbatches=3"),
        Case("gpt2", 8, "data=2,tensor=2x2,zero=2,microbatches=2"),
        Case("gpt2", 8, "data=2x2x2,zero=3"),
    ],
    "all": [
        Case("gpt2", 8, "data=2,tensor=2,pipeline=2,microbatches=4"),
    ],
    "found": [
        Case("mlp", 2),
        Case("gpt2", 2),
        Case("gpt2", 3),
        Case("gpt2", 4),
        Case("gpt2-eager", 2),
    ],
}

CASES = {case.name: case for cases in SUBJECTS.values() for case in cases}
