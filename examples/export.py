#!/usr/bin/env python3
"""Exports any model of Hugging Face, torchvision or timm, by name and with sizes as options, as a TorchScript archive.

    export.py hf:gpt2 -o gpt2.pt --config n_layer=4 n_embd=256 n_head=4 --batch 8 --sequence 128
    export.py hf:BertForMaskedLM -o bert.pt --sequence 128
    export.py torchvision:resnet50 -o resnet50.pt --batch 16 --image 224
    export.py timm:vit_base_patch16_224 -o vit.pt --no-loss
    export.py hf:llama -o llama.pt --config num_hidden_layers=2 --meta

Weights are random (nothing is downloaded); parameters have the library's names, so safetensors files of the same model fit
(colossal-compile --weights). hf: takes a model type (gpt2, llama, t5, vit, whisper, ...) or a class; --config sets
fields of its configuration, or arguments of a torchvision or timm constructor. The archive's forward takes the
model's inputs and labels and returns the loss; with --no-loss it returns what the model returns, for
colossal-compile --loss. Beside the archive stands a folder of random samples, one .npy for each input.
"""
import argparse
import ast
import difflib
import importlib.util
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import torch.nn as nn
import torch.nn.functional as F


class Refused(Exception):
    """What is wrong with the request, in one line."""


# ---------------------------------------------------------------- what is exported
class Export:
    """A module, its inputs, and how its loss is called.

    inputs: {name: (shape, dtype, end)}, without the samples; integers are below `end`.
    run: (module, {name: tensor}) -> what the model returns.
    """

    def __init__(self, module, inputs, run):
        self.module, self.inputs, self.run = module, inputs, run


def known(name, names, what):
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 4)
    raise Refused(f"found no {what} '{name}'" + (f", did you mean {', '.join(near)}?" if near else ""))


def library(name):
    """The optional library `name`."""
    if not importlib.util.find_spec(name):
        raise Refused(f"{name}: names need the package {name}, which is not installed here: pip install {name}")
    if name == "timm":
        library("torchvision")
    try:
        return __import__(name)
    except RuntimeError:
        # A wheel whose compiled part does not fit this torch: models need its Python part and these names alone.
        for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        library.declared = torch.library.Library("torchvision", "DEF")
        for op in ("nms", "qnms"):
            library.declared.define(op + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return __import__(name)


# ---------------------------------------------------------------- Hugging Face
HEADS = ("SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "MASKED_LM", "CAUSAL_LM", "IMAGE_CLASSIFICATION",
         "SEQUENCE_CLASSIFICATION", "AUDIO_CLASSIFICATION")


def hf_class(name):
    """The class of a type's usual head, or of that name."""
    import transformers
    from transformers.models.auto import configuration_auto, modeling_auto
    types = configuration_auto.CONFIG_MAPPING_NAMES
    if name not in types and isinstance(getattr(transformers, name, None), type):
        return getattr(transformers, name)
    known(name, list(types) + [n for n in dir(transformers) if "For" in n and not n.startswith(("TF", "Flax", "Auto"))],
          "model type or class of transformers")
    for head in HEADS:
        found = getattr(modeling_auto, f"MODEL_FOR_{head}_MAPPING_NAMES").get(name)
        if found:
            return getattr(transformers, found if isinstance(found, str) else found[0])
    raise Refused(f"hf:{name} has no head that gives a prediction: name a class, such as hf:BertForMaskedLM")


def hf_config(cls, settings):
    config = cls.config_class(use_cache=False)
    for key in settings:
        known(key, list(config.to_dict()) + list(getattr(config, "attribute_map", {})), f"field of {cls.config_class.__name__}")
    fields = {"use_cache": False, **settings}
    # A sequence ends where the samples end: no special token has to be inside of a small vocabulary.
    vocab = fields.get("vocab_size")
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        token = getattr(config, key, None)
        if vocab and isinstance(token, int) and token >= vocab:
            fields.setdefault(key, None if key == "pad_token_id" else 0)
    # A decoder begins with a token, and labels that do not count become one.
    if config.is_encoder_decoder:
        for key in ("pad_token_id", "decoder_start_token_id"):
            if fields.get(key, getattr(config, key, None)) is None:
                fields[key] = 0
    return cls.config_class(**fields)


def hf_export(name, options):
    import inspect
    cls = hf_class(name)
    config = hf_config(cls, options.config)
    # Coins that Python tosses are baked into a trace.
    for key in config.to_dict():
        if "layerdrop" in key:
            setattr(config, key, 0.0)
    if options.attention:
        config._attn_implementation = options.attention
    build = (lambda: cls._from_config(config, attn_implementation=options.attention)) if options.attention else \
        (lambda: cls(config))
    module = made(build, options)
    takes = inspect.signature(cls.forward).parameters
    text = config.get_text_config()
    vocab = getattr(text, "vocab_size", None)
    most = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None) or 128
    length = options.sequence or min(128, most)
    main = module.main_input_name
    ids = lambda n, end: ((n,), torch.int64, end)
    inputs = {}
    if main == "input_ids":
        inputs["input_ids"] = ids(length, vocab)
    elif main == "pixel_values":
        side = options.image or getattr(config, "image_size", 224)
        sides = tuple(side) if isinstance(side, (list, tuple)) else (side, side)
        inputs["pixel_values"] = ((getattr(config, "num_channels", 3), *sides), torch.float32, None)
    elif main == "input_features" and hasattr(config, "num_mel_bins"):
        inputs["input_features"] = ((config.num_mel_bins, 2 * config.max_source_positions), torch.float32, None)
    elif main == "input_values":
        inputs["input_values"] = ((options.sequence or 16000,), torch.float32, None)
    else:
        raise Refused(f"hf:{name} takes '{main}': expected input_ids, pixel_values, input_features or input_values")
    if config.is_encoder_decoder and not options.with_loss:
        inputs["decoder_input_ids"] = ids(length, vocab)
    if options.with_loss:
        if "labels" not in takes:
            raise Refused(f"hf:{name} ({cls.__name__}) has no loss of its own: export it with --no-loss and give "
                          "colossal-compile --loss")
        if any(head in cls.__name__ for head in ("LM", "ConditionalGeneration", "TokenClassification", "LMHead")):
            end = vocab if "TokenClassification" not in cls.__name__ else config.num_labels
            inputs["labels"] = ids(length, end)
        else:
            inputs["labels"] = ((), torch.int64, config.num_labels)

    def run(self, tensors):
        return cls.forward(self, **tensors, return_dict=True)
    return Export(module, inputs, run)


# ---------------------------------------------------------------- torchvision and timm
def image_export(module, sizes, options, forward):
    inputs = {"images": (tuple(sizes), torch.float32, None)}

    def run(self, tensors):
        return forward(self, tensors["images"])
    if options.with_loss:
        # The classes are told by a look at what the model returns.
        training = module.training
        module.eval()
        with torch.no_grad():
            output = forward(module, torch.zeros(1, *sizes, device="meta" if options.meta else "cpu"))
        module.train(training)
        if not isinstance(output, torch.Tensor) or output.ndim != 2:
            raise Refused(f"{options.model} does not return scores of classes: export it with --no-loss and give "
                          "colossal-compile --loss")
        inputs["labels"] = ((), torch.int64, output.shape[1])
    return Export(module, inputs, run)


def torchvision_export(name, options):
    models = library("torchvision").models
    known(name, models.list_models(), "model of torchvision")
    side = options.image or (299 if name == "inception_v3" else 224)
    module = made(lambda: models.get_model(name, weights=None, **options.config), options)
    return image_export(module, (3, side, side), options, type(module).forward)


def timm_export(name, options):
    timm = library("timm")
    known(name.split(".")[0], timm.list_models(), "model of timm")
    sizes = {"img_size": options.image} if options.image and "img_size" not in options.config else {}
    try:
        module = made(lambda: timm.create_model(name, pretrained=False, **sizes, **options.config), options)
    except TypeError:  # a model that takes images of any size
        module = made(lambda: timm.create_model(name, pretrained=False, **options.config), options)
    channels, *sides = module.pretrained_cfg.get("input_size", (3, 224, 224))
    if options.image:
        sides = [options.image] * 2
    return image_export(module, (channels, *sides), options, type(module).forward)


# ---------------------------------------------------------------- the meta device
def made(build, options):
    """The module; with --meta its parameters have no values, but its buffers have."""
    torch.manual_seed(options.seed)
    try:
        if not options.meta:
            return build()
        register = nn.Module.register_parameter

        def registered(self, name, parameter):
            register(self, name, parameter)
            if parameter is not None and not parameter.is_meta:  # tied ones stay one
                self._parameters[name] = nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
        nn.Module.register_parameter = registered
        try:
            return build()
        finally:
            nn.Module.register_parameter = register
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        raise Refused(f"{options.model} cannot be made with this --config: {' '.join(str(error).split())}") from None


def trace_on_meta():
    """What stands against tracing on the meta device in torch 2.13:
    - aten::convolution is not recorded (_convolution is, which its Meta kernel goes around);
    - torch.autocast("meta") raises;
    - aten::equal, by which the tracer merges constants, has no Meta kernel: the same tensor is equal;
    - nonzero has no shape (experts): all elements are taken for nonzero."""
    if hasattr(trace_on_meta, "library"):
        return
    import torch.fx.experimental._config as config
    from torch._meta_registrations import meta_conv
    aten = trace_on_meta.library = torch.library.Library("aten", "IMPL", "Meta")
    aten.impl("_convolution", lambda *a: meta_conv(*a[:9]), allow_override=True)
    aten.impl("convolution", lambda *a: torch._convolution(*a, False, False, True, True), allow_override=True)
    aten.impl("equal", lambda a, b: a is b, allow_override=True)
    config.meta_nonzero_assume_all_nonzero = True
    init = torch.autocast.__init__

    def on_cpu(self, device_type, *rest, **named):
        init(self, "cpu" if device_type == "meta" else device_type, *rest, **named)
    torch.autocast.__init__ = on_cpu


def exchange_buffers(module, values):
    """Puts {path: tensor} in place of the module's buffers (of a ScriptModule, too); what was there."""
    before = {}
    for path, value in values.items():
        owner, _, name = path.rpartition(".")
        holder = module.get_submodule(owner)
        before[path] = getattr(holder, name)
        if isinstance(module, torch.jit.ScriptModule):
            holder._c.setattr(name, value)
        else:
            holder._buffers[name] = value
    return before


# ---------------------------------------------------------------- tracing
def signature(names, run):
    """A forward whose arguments have these names: they are those of the archive's inputs."""
    scope = {"run": run}
    pairs = ", ".join(f"{name!r}: {name}" for name in names)
    exec(f"def forward(self, {', '.join(names)}):\n    return run(self, {{{pairs}}})\n", scope)
    return scope["forward"]


def result_of(output, labels):
    """The loss, or what the model returns: a tensor, a tuple, or a dictionary of tensors."""
    if labels is None:
        if isinstance(output, dict):
            return {key: value for key, value in output.items() if isinstance(value, torch.Tensor)}
        return output
    if isinstance(output, dict):
        return output["loss"]
    return F.cross_entropy(output, labels)


def without_chance(module):
    """Probabilities of dropping at 0: in training, as published, they would be part of the trace."""
    for part in module.modules():
        for holder in [part] + ([part.config] if hasattr(part, "config") else []):
            for name, value in list(getattr(holder, "__dict__", {}).items()):
                if isinstance(value, float) and ("drop" in name or name == "p"):
                    setattr(holder, name, 0.0)


def example(inputs, batch, device="cpu", seed=1):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (shape, dtype, end) in inputs.items():
        sizes = (batch, *shape)
        if device == "meta":
            tensors[name] = torch.empty(sizes, dtype=dtype, device="meta")
        elif dtype.is_floating_point:
            tensors[name] = torch.randn(sizes, generator=generator)
        else:
            tensors[name] = torch.randint(0, end, sizes, generator=generator)
    return tensors


def trace(export, options):
    module, hf = export.module, options.library == "hf"
    module.train(not options.eval)
    if not options.dropout:
        without_chance(module)

    def run(self, tensors):
        labels = tensors.get("labels") if options.with_loss else None
        given = dict(tensors) if hf else {name: value for name, value in tensors.items() if name != "labels"}
        return result_of(export.run(self, given), labels)
    # A subclass, so that no parameter's name gets a prefix.
    cls = type(module)
    module.__class__ = type(cls.__name__, (cls,), {"forward": signature(list(export.inputs), run)})
    buffers = {path: buffer.detach().clone() for path, buffer in module.named_buffers(remove_duplicate=False)}
    device = "cpu"
    if options.meta:
        device = "meta"
        trace_on_meta()
        exchange_buffers(module, {path: buffer.to("meta") for path, buffer in buffers.items()})
    tensors = example(export.inputs, options.batch, device)
    with warnings.catch_warnings():
        # Shapes that Python reads become constants of the trace: intended.
        warnings.filterwarnings("ignore")
        try:
            traced = torch.jit.trace(module, tuple(tensors.values()), check_trace=False, strict=False)
        except Exception as error:
            raise Refused(f"{options.model} cannot be traced: {' '.join(str(error).split())[:400]}") from None
    # Tracing runs the model once: statistics that it wrote go back.
    exchange_buffers(traced, buffers)
    return traced


def setting(text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"found '{text}', expected KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected at least 1")
    return number


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="hf:TYPE, hf:CLASS, torchvision:NAME or timm:NAME")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("--config", nargs="+", action="extend", default=[], type=setting, metavar="KEY=VALUE")
    parser.add_argument("--batch", type=positive, default=2)
    parser.add_argument("--sequence", type=positive, help="tokens of a sample (128, or all that the model knows)")
    parser.add_argument("--image", type=positive, help="side of an image (the model's own)")
    parser.add_argument("--attention", choices=("sdpa", "eager"), help="hf: which form of attention is traced")
    parser.add_argument("--meta", action="store_true", help="parameters without values: any size, for planning or --init")
    parser.add_argument("--no-loss", action="store_true", help="forward returns what the model returns")
    parser.add_argument("--eval", action="store_true", help="as in evaluation: stored statistics, nothing dropped")
    parser.add_argument("--dropout", action="store_true", help="keep the model's dropout (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument("--samples", type=positive, help="samples in the data folder (4 batches)")
    parser.add_argument("--data", metavar="DIR", help="the data folder (FILE without .pt, then -data)")
    options = parser.parse_args()
    options.config = dict(options.config)
    options.with_loss = not options.no_loss
    options.library, _, options.name = options.model.partition(":")
    return options


def main():
    import numpy
    options = parse()
    exporters = {"hf": hf_export, "torchvision": torchvision_export, "timm": timm_export}
    try:
        if options.library not in exporters or not options.name:
            raise Refused(f"found '{options.model}', expected hf:TYPE, hf:CLASS, torchvision:NAME or timm:NAME")
        export = exporters[options.library](options.name, options)
        traced = trace(export, options)
        traced.save(options.output)
        folder = Path(options.data or str(Path(options.output).with_suffix("")) + "-data")
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensor in example(export.inputs, options.samples or 4 * options.batch).items():
            numpy.save(folder / f"{name}.npy", tensor.numpy())
    except Refused as refused:
        raise SystemExit(f"error: {refused}") from None
    except OSError as error:
        raise SystemExit(f"error: {error}") from None
    count = sum(parameter.numel() for parameter in export.module.parameters())
    shapes = ", ".join(f"{name} {'x'.join(map(str, (options.batch, *shape)))}" for name, (shape, _, _) in export.inputs.items())
    print(f"{options.output}: {count:,} parameters{' without values' if options.meta else ''}, {shapes}; samples in {folder}")


if __name__ == "__main__":
    main()
