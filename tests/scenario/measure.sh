#!/bin/sh
# tools/measure as far as it goes without a GPU: syntax, help, planned shapes, and that calibrate
# takes its table.
set -eu
penstock=$1
script=tools/measure/measure.py
command -v python3 > /dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -c "compile(open('$script').read(), '$script', 'exec')"
python3 "$script" --help | grep -q -- --dry-run
python3 "$script" --dry-run --gpus 2 --dtypes bf16,fp8 -o "$folder/plan.csv"
head -1 "$folder/plan.csv" | grep -q '^source,gpu,op,.*,measured_ms$'
for op in gemm attn_decode attn_prefill attn_mixed all_reduce; do
  grep -q ",$op," "$folder/plan.csv"
done
if python3 "$script" --ops speed --dry-run 2> "$folder/error"; then exit 1; fi
grep -q 'speed is none of' "$folder/error"

refused() {  # what it says, arguments
  said=$1
  shift
  if python3 "$script" --dry-run "$@" > "$folder/none.csv" 2> "$folder/error"; then exit 1; fi
  grep -q -- "$said" "$folder/error"
  ! grep -q Traceback "$folder/error"
}
refused "--tp: '0' is no whole number from 1 on" --tp 0
refused '--tp: 3 does not divide llama-3.1-8b' --tp 3
refused "--gpus: '1' is no whole number from 2 on" --gpus 1
refused 'all_reduce needs --gpus' --ops all_reduce
refused 'cannot write .*/none/kernels.csv: No such file' -o "$folder/none/kernels.csv"
# GPUs beyond the kv heads have one each: 2 + 2 heads of 128.
python3 "$script" --dry-run --ops gemm --tp 16 | grep -q ',qkv,llama-3.1-8b,16,bf16,1,512,4096,'
# A table is put in its place when it is complete.
test ! -e "$folder/plan.csv.partial"

cat > "$folder/system.yaml" << 'END'
model: llama-3.1-8b
cluster: {gpu: h100-sxm}
workload: {requests: 1, classes: [{name: default, rate: 1/s, lengths: {input: 9, output: 9}}]}
END
# Shapes alone are no measurement; with times, whatever they are, they are fitted.
if "$penstock" calibrate "$folder/plan.csv" "$folder/system.yaml" 2> "$folder/error"; then exit 1; fi
grep -q 'no measured times' "$folder/error"
sed '2,$s/$/0.05/' "$folder/plan.csv" > "$folder/times.csv"
"$penstock" calibrate "$folder/times.csv" "$folder/system.yaml" 2> /dev/null |
  grep -q 'kernels as CSV'
