#!/bin/sh
# Reports in a real browser: see tests/browser/reports.mjs.
set -eu
penstock=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] || ! command -v node >/dev/null; then
  echo "skipped: needs chromium and node (apt-get install chromium nodejs)"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/mix.yaml" <<'YAML'
model: llama-3.1-8b
cluster: {gpu: h100-sxm, replicas: 2}
workload:
  requests: 600
  classes:
    - {name: '</script><img src=x onerror=alert(1)>', rate: 12/s, lengths: {input: {uniform: [50, 900]}, output: {uniform: [2, 90]}}}
    - {name: code, rate: 5/s, lengths: {input: 3000, output: 12}, slo: {ttft: 1s}}
slo: {ttft: 300ms, tpot: 30ms}
YAML
"$penstock" run "$folder/mix.yaml" -q -o "$folder/run" --report >/dev/null
"$penstock" run "$folder/mix.yaml" -q -o "$folder/other" --set cluster.replicas=1 >/dev/null
"$penstock" report "$folder/run" "$folder/other" -o "$folder/compare.html" >/dev/null 2>&1
"$penstock" sweep "$folder/mix.yaml" -q -o "$folder/sweep" --report \
  --vary engine.max_num_seqs=1..64:log2 --vary cluster.replicas=1,2 >/dev/null
"$penstock" plan workloads/mix.yaml -q -o "$folder/plan" --report --gpus h100-sxm \
  --set workload.duration=30s --set "plan.tensor_parallel=[1]" --set plan.headroom=0% >/dev/null
exec node tests/browser/reports.mjs "$chromium" "$folder"
