"""examples/export.py with one model of every kind, small: each is traced, imported and normalized.

    export_models.py FOLDER [NAME ...]
"""
import contextlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import export

TRANSFORMER = "num_hidden_layers=2 hidden_size=32 num_attention_heads=4 intermediate_size=64".split()
WORDS = ["vocab_size=96"]
GROUPED = [*TRANSFORMER, "num_key_value_heads=2", *WORDS]
T5 = ["num_layers=2", "d_model=32", "d_kv=8", "num_heads=4", "d_ff=64", *WORDS]
WHISPER = ("encoder_layers=2 decoder_layers=2 d_model=32 encoder_attention_heads=2 decoder_attention_heads=2 encoder_ffn_dim=64 "
           "decoder_ffn_dim=64 num_mel_bins=8 max_source_positions=16 max_target_positions=16").split()

# name -> (model, --config, further options, options of colossal-compile)
MODELS = {
    "gpt2": ("hf:gpt2", ["n_layer=2", "n_embd=32", "n_head=2", "n_positions=32", *WORDS], "--sequence 16", ""),
    "gpt2-eager": ("hf:GPT2LMHeadModel", ["n_layer=1", "n_embd=32", "n_head=2", *WORDS], "--sequence 8 --attention eager --dropout", ""),
    "bert": ("hf:bert", [*TRANSFORMER, *WORDS], "--sequence 16", ""),
    "llama": ("hf:llama", GROUPED, "--sequence 16", ""),
    "llama-meta": ("hf:llama", GROUPED, "--sequence 16 --meta --no-loss", "--loss cross-entropy:shift"),
    "gpt2-meta": ("hf:gpt2", ["n_layer=2", "n_embd=32", "n_head=2", "n_positions=32", *WORDS], "--sequence 16 --meta", ""),
    "t5": ("hf:t5", T5, "--sequence 16", ""),
    "t5-no-loss": ("hf:t5", T5, "--sequence 16 --no-loss", "--loss cross-entropy:output=logits"),
    "vit": ("hf:vit", [*TRANSFORMER, "image_size=32", "patch_size=16"], "--batch 3", ""),
    "whisper": ("hf:whisper", [*WHISPER, *WORDS], "--sequence 12", ""),
    "mixtral": ("hf:mixtral", [*GROUPED, "num_local_experts=4"], "--sequence 16", ""),
    "bert-classes": ("hf:BertForSequenceClassification", [*TRANSFORMER, *WORDS], "--sequence 8 --no-loss", "--loss cross-entropy"),
    "resnet50": ("torchvision:resnet50", ["num_classes=10"], "--image 32 --batch 4", ""),
    "vit_b_16": ("torchvision:vit_b_16", ["num_classes=10"], "--image 224 --meta", ""),
    "deit": ("timm:deit_tiny_patch16_224", ["depth=2"], "--no-loss", "--loss cross-entropy"),
}


def exported(arguments):
    """What the exporter prints; a refusal is printed, too."""
    sys.argv = ["export.py", *arguments]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            export.main()
    except SystemExit as error:
        return str(error)
    return said.getvalue().strip()


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or list(MODELS)
    torch.set_num_threads(1)
    for name in names:
        model, config, options, compile_options = MODELS[name]
        library = model.split(":")[0]
        if library != "hf" and not importlib.util.find_spec(library):
            said = exported([model, "-o", str(folder / "x.pt")])
            print(f"{name}: {'not installed' if f'pip install {library}' in said and chr(10) not in said else 'FAIL ' + said}")
            continue
        archive = folder / f"{name}.pt"
        said = exported([model, "-o", str(archive), "--config", *config, *options.split()])
        if not said.startswith(f"{archive}: "):
            print(f"{name}: FAIL {said}")
            continue
        data = list((folder / f"{name}-data").glob("*.npy"))
        command = ["colossal-compile", str(archive), *compile_options.split(), "--stop-after", "normalize", "-o", str(folder / "x.mlir")]
        run = subprocess.run(command, capture_output=True, text=True)
        text = (folder / "x.mlir").read_text() if run.returncode == 0 else ""
        missing = [file.stem for file in data if f'colossal.name = "{file.stem}"' not in text]
        missing += [] if name != "gpt2-meta" or 'colossal.aliases = ["lm_head.weight"]' in text else ["the tied weight"]
        good = run.returncode == 0 and data and not missing and all(len(np.load(file)) >= 4 for file in data)
        print(f"{name}: {'ok' if good else 'FAIL ' + run.stderr.strip()[-300:] + str(missing)}", flush=True)


if __name__ == "__main__":
    main()
