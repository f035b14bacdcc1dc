"""The table of small modules: what @module puts in."""
from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    build: object  # () -> eager module in training mode with a scalar loss, {input: tensor}
    plans: list  # "RANKS PINS"
    refused: dict = field(default_factory=dict)  # plan -> words of the error
    says: tuple = ()  # words of the compiler's output
    written: tuple = ()  # buffers that a step changes
    optimizer: str = "sgd:lr=0.1,momentum=0.9"
    groups: tuple = ()  # of --group
    gamma: float = 1.0  # learning rates of a step over those of the step before
    states: bool = False  # compare the optimizer's state, too
    clip_norm: float = 0.0
    steps: int = 3
    compile: tuple = ()  # further options
    run: tuple = ()
    # (model, inputs, folder) -> further options; writes folder/model.pt. Default: a trace of the model.
    archive: object = None


CASES = {}  # subject -> name -> Case


def module(*plans, **rest):
    """Marks a function as a case of its file: @module("1", "2 data=2", refused={...})."""
    def add(build):
        name = build.__name__.replace("_", "-")
        subject = build.__module__.rpartition(".")[2]
        refused = rest.get("refused", {})
        CASES.setdefault(subject, {})[name] = Case(name, build, [*plans, *refused], **rest)
        return build
    return add
