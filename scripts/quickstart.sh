#!/usr/bin/env bash
# From a fresh machine to a trained model: sets up, exports GPT-2, lets the search plan it for two
# ranks, proves the plan, trains on real text. Everything goes to out/quickstart. A step whose inputs
# have not changed is not repeated: a second run shows the same results at once.
#
#   scripts/quickstart.sh
#
# Environment: STEPS (training steps, default 1200), RANKS (default 2), PIN (a plan of yours instead of
# the search's, such as data=2), OUT (default out/quickstart; remove it to start again).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${OUT:-out/quickstart}
steps=${STEPS:-1200}
ranks=${RANKS:-2}
bin=build/bin
python=.venv/bin/python
began=$SECONDS

number=0
step() { number=$((number + 1)); printf '\n[%d/7] %s\n' "$number" "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }
for pair in "STEPS=$steps" "RANKS=$ranks"; do
  [[ ${pair#*=} =~ ^[1-9][0-9]*$ ]] || die "found $pair, expected a positive number"
done

# once NAME INPUT... -- COMMAND...: runs the command with its output shown and kept in NAME.log; if the
# command and the contents of its inputs are those of the last success, shows the end of what it printed.
once() {
  local name=$1 inputs=() recipe
  shift
  while [ "$1" != -- ]; do inputs+=("$1"); shift; done
  shift
  recipe="$* $(cat "${inputs[@]}" | cksum)"
  if [ "$(cat "$out/$name.recipe" 2>/dev/null)" = "$recipe" ]; then
    echo "(as before)"
    tail -n 30 "$out/$name.log"
    return
  fi
  rm -f "$out/$name.recipe"
  "$@" 2>&1 | tee "$out/$name.log" || die "'$*' failed"
  printf '%s' "$recipe" >"$out/$name.recipe"
}

step "Set up: install what is missing, build the compiler and the runtime"
scripts/setup.sh --tools
for tool in colossal-translate colossal-compile colossal-verify colossal-run; do
  [ -x "$bin/$tool" ] || die "$bin/$tool is not built: remove build/ and run scripts/quickstart.sh again"
done
mkdir -p "$out"

step "Export Hugging Face's GPT-2, random weights, loss inside, to TorchScript; make training data"
once export examples/export_gpt2.py -- "$python" examples/export_gpt2.py --layers 4 --width 256 --heads 8 \
  --vocab 256 --context 128 --batch 8 -o "$out/gpt2.pt"
once data examples/make_text_data.py -- "$python" examples/make_text_data.py --sequence 128 \
  --bytes 2000000 -o "$out/data"
data=(--data input_ids="$out/data/input_ids.npy" --data labels="$out/data/labels.npy")

step "Compile for $ranks ranks on this machine: search a plan, partition, schedule, generate code"
once compile "$out/gpt2.pt" "$bin/colossal-compile" "$bin/colossal-translate" "$bin/colossal-engine" -- \
  "$bin/colossal-compile" "$out/gpt2.pt" --cluster "local:$ranks" ${PIN:+--pin "$PIN"} \
  --optimizer 'adamw:lr=6e-4,beta2=0.95,weight-decay=0.1,no-decay=rank<2' --clip-norm 1.0 \
  --lr-schedule "cosine:warmup=$((steps / 10)),total=$steps,min=0.1" \
  --emit-plan "$out/plan.json" -o "$out/gpt2.colossal"

step "Prove it: the sharded program computes what the unsharded one does (interpreter, f64)"
once verify "$out"/gpt2.colossal/ir/*/* "$bin/colossal-verify" -- "$bin/colossal-verify" "$out/gpt2.colossal"

step "Train $steps steps on $ranks ranks over MPI"
once train "$out"/gpt2.colossal/{manifest.json,kernels.so,run} "$out"/gpt2.colossal/train/group-*.json \
  "$out/data/labels.npy" -- \
  "$bin/colossal-run" -n "$ranks" "$out/gpt2.colossal" "${data[@]}" --steps "$steps" \
  --metrics "$out/metrics.jsonl" --report "$out/report.json"

step "Draw the loss curve, compare predictions with measurements"
once show "$out/metrics.jsonl" "$out/report.json" examples/show_run.py -- "$python" examples/show_run.py \
  --metrics "$out/metrics.jsonl" --report "$out/report.json" --title "GPT-2, $ranks ranks" --fallen-to 0.6 -o "$out/loss.png"

step "Done in $((SECONDS - began)) s: the bundle is $out/gpt2.colossal, the plan $out/plan.json"
echo "Again, elsewhere: mpirun -n $ranks $out/gpt2.colossal/run ${data[*]} --steps $steps"
