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
