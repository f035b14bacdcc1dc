#!/usr/bin/env bash
# From a fresh machine to a trained model: sets up, exports GPT-2, lets the search plan it for two
# ranks, proves the plan, trains on real text. Everything goes to out/quickstart. A second run reuses
# the build, the model, the data and the measurement of this machine.
#
#   scripts/quickstart.sh
#
# Environment: STEPS (training steps, default 600), RANKS (default 2), PIN (a plan of yours instead of
# the search's, such as data=2), OUT (default out/quickstart).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${OUT:-out/quickstart}
steps=${STEPS:-600}
ranks=${RANKS:-2}
bin=build/bin
python=.venv/bin/python
began=$SECONDS

number=0
step() { number=$((number + 1)); printf '\n[%d/8] %s\n' "$number" "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

step "Set up: install what is missing, build the compiler and the runtime"
scripts/setup.sh --tools
for tool in colossal-translate colossal-compile colossal-verify colossal-run; do
  [ -x "$bin/$tool" ] || die "$bin/$tool is not built: remove build/ and run scripts/quickstart.sh again"
done
mkdir -p "$out"

# What a file was made from; made again when that changes.
made_from() { # FILE COMMAND...
  local file=$1 && shift
  local recipe="$* $(cat "${@:1:1}" | cksum)"
  if [ -e "$file" ] && [ "$(cat "$file.recipe" 2>/dev/null)" = "$recipe" ]; then
    echo "$file is there"
  else
    "$python" "$@" || die "'$python $*' failed"
    printf '%s' "$recipe" >"$file.recipe"
  fi
}

step "Export Hugging Face's GPT-2, random weights, loss inside, to TorchScript"
made_from "$out/gpt2.pt" examples/export_gpt2.py --layers 4 --width 256 --heads 8 --vocab 256 \
  --context 128 --batch 8 -o "$out/gpt2.pt"

step "Make training data: documentation strings of Python's library, one token per byte"
made_from "$out/data/labels.npy" examples/make_text_data.py --sequence 128 --bytes 2000000 -o "$out/data"

step "Compile for $ranks ranks on this machine: search a plan, partition, schedule, generate code"
rm -rf "$out/gpt2.colossal"
"$bin/colossal-compile" "$out/gpt2.pt" --cluster "local:$ranks" ${PIN:+--pin "$PIN"} \
  --optimizer 'adamw:lr=6e-4,beta2=0.95,weight-decay=0.1,no-decay=rank<2' --clip-norm 1.0 \
  --lr-schedule "cosine:warmup=$((steps / 10)),total=$steps,min=0.1" \
  --emit-plan "$out/plan.json" -o "$out/gpt2.colossal" 2>&1 | tee "$out/compile.log"

step "Prove it: the sharded program computes what the unsharded one does (interpreter, f64)"
"$bin/colossal-verify" "$out/gpt2.colossal" | tee "$out/verify.log"

step "Train $steps steps on $ranks ranks over MPI"
"$bin/colossal-run" -n "$ranks" "$out/gpt2.colossal" --data input_ids="$out/data/input_ids.npy" \
  --data labels="$out/data/labels.npy" --steps "$steps" \
  --metrics "$out/metrics.jsonl" --report "$out/report.json"

step "Draw the loss curve, compare predictions with measurements"
"$python" examples/show_run.py --metrics "$out/metrics.jsonl" --report "$out/report.json" \
  --title "GPT-2, $ranks ranks" --fallen-to 0.6 -o "$out/loss.png"

step "Done in $((SECONDS - began)) s: the bundle is $out/gpt2.colossal, the plan $out/plan.json"
echo "train on: $bin/colossal-run -n $ranks $out/gpt2.colossal --data input_ids=... --data labels=... --steps ..."
