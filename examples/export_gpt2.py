#!/usr/bin/env python3
"""Exports Hugging Face's GPT-2 (random weights, loss inside) as a TorchScript archive.

    export_gpt2.py -o gpt2.pt --layers 4 --width 256 --heads 4 --vocab 256 --context 128 --batch 8

The archive's forward takes (input_ids, labels), both [batch, sequence] of int64, and returns the mean
cross entropy of the next token; labels are shifted inside, -100 is ignored. Parameter names are those
of GPT2LMHeadModel, so weights go back to Hugging Face unchanged; lm_head.weight is tied to
transformer.wte.weight.
"""
import argparse
import os
import warnings

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
from transformers import GPT2Config, GPT2LMHeadModel


class GPT2TrainingStep(GPT2LMHeadModel):
    """The model with the signature of a training step; a subclass, so that no name gets a prefix."""

    def forward(self, input_ids, labels):
        return super().forward(input_ids=input_ids, labels=labels)[0]


def build_gpt2(layers=2, width=64, heads=4, vocab=256, context=64, attention="sdpa", seed=0, tied=True):
    """The eager module in training mode, without dropout (a trace would bake it in)."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab, n_positions=context, n_embd=width, n_layer=layers, n_head=heads,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, return_dict=False,
        bos_token_id=0, eos_token_id=0, tie_word_embeddings=tied, attn_implementation=attention)
    config.loss_type = "ForCausalLM"
    return GPT2TrainingStep(config).train()


def example_batch(batch, sequence, vocab, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, vocab, (batch, sequence), generator=generator)
    return ids, ids.clone()


def trace(model, inputs):
    with warnings.catch_warnings():
        # Shapes that Python reads become constants of the trace: intended.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        return torch.jit.trace(model, inputs, check_trace=False)


def add_options(parser):
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--vocab", type=int, default=256)
    parser.add_argument("--context", type=int, default=64, help="positions that the model knows")
    parser.add_argument("--sequence", type=int, help="tokens per sample (default: the context)")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa")
    parser.add_argument("--untied", action="store_true", help="a separate weight for the head")
    parser.add_argument("--seed", type=int, default=0)


def from_options(options):
    """The module and example inputs by name."""
    if options.width % options.heads:
        raise SystemExit(f"--width {options.width} is not a multiple of --heads {options.heads}")
    sequence = options.sequence or options.context
    if sequence > options.context:
        raise SystemExit(f"--sequence {sequence} is longer than --context {options.context}")
    model = build_gpt2(options.layers, options.width, options.heads, options.vocab, options.context,
                       options.attention, options.seed, not options.untied)
    ids, labels = example_batch(options.batch, sequence, options.vocab)
    return model, {"input_ids": ids, "labels": labels}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(parser)
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    model, inputs = from_options(options)
    trace(model, tuple(inputs.values())).save(options.output)
    count = sum(p.numel() for p in model.parameters())
    print(f"{options.output}: {count:,} parameters, inputs {' x '.join(map(str, inputs['labels'].shape))}")


if __name__ == "__main__":
    main()
