#!/bin/sh
# The same input gives the same bytes: from run to run, and from every binary. For each sample workload,
# compares the JSON of this binary ($1) with itself and with PENSTOCK_OTHER (another compiler, another
# optimisation level) if that is set.
set -eu

binary=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
compared=0

# run_json BINARY WORKLOAD OUTPUT: exit codes that are verdicts about the workload are part of the result.
run_json() {
  code=0
  "$1" run "$2" --format json >"$3" || code=$?
  printf 'exit %s\n' "$code" >>"$3"
}

compare() {  # OUTPUT_A OUTPUT_B WHAT
  compared=$((compared + 1))
  if ! cmp -s "$1" "$2"; then
    printf '%s differs:\n' "$3"
    diff "$1" "$2" | head -n 20 || true
    failed=1
  fi
}

for workload in workloads/*.yaml; do
  [ -f "$workload" ] || continue
  run_json "$binary" "$workload" "$folder/a"
  run_json "$binary" "$workload" "$folder/b"
  compare "$folder/a" "$folder/b" "$workload, run twice"
  if [ -n "${PENSTOCK_OTHER:-}" ]; then
    run_json "$PENSTOCK_OTHER" "$workload" "$folder/b"
    compare "$folder/a" "$folder/b" "$workload, run by $PENSTOCK_OTHER"
  fi
done

if [ "$compared" -eq 0 ]; then
  echo "skipped: no sample workload"
  exit 77
fi
printf '%s comparisons\n' "$compared"
exit "$failed"
