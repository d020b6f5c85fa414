#!/usr/bin/env sh
# One night's run: all shards at once, merged, reported, and compared with the night before.
#
#   nightly.sh FOLDER RUN-OPTION…      e.g. nightly.sh reports/nights --engine llama.cpp
#
# FOLDER keeps one run a night. SHARDS (default 2), SEED (default 1) and BASELINE (a file of known
# findings) come from the environment, and SEAMSTRESS is how the command is called.
# Exit status: that of the merged run, or 1 when the night before did not have a finding.
set -u
folder=${1:?where the nights are kept}
shift
seamstress=${SEAMSTRESS:-seamstress}
shards=${SHARDS:-2}
night=$folder/$(date -u +%Y-%m-%dT%H%M%S)
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

last=$(ls -d "$folder"/*/ 2>/dev/null | grep -v '/latest/$' | tail -n 1)

pids=
shard=1
while [ "$shard" -le "$shards" ]; do
  # A shard with findings ends with 1; what went wrong otherwise is seen when they are merged.
  $seamstress run "$@" --seed "${SEED:-1}" --shard "$shard/$shards" --out "$parts/$shard" >"$parts/$shard.log" 2>&1 &
  pids="$pids $!"
  shard=$((shard + 1))
done
for pid in $pids; do wait "$pid"; done

mkdir -p "$folder"
$seamstress merge "$parts"/[0-9]*/ --out "$night" ${BASELINE:+--baseline "$BASELINE"} \
  --report html="$parts/report.html" --report markdown="$parts/report.md" --report junit="$parts/report.xml"
status=$?
if [ ! -e "$night/run.json" ]; then
  cat "$parts"/*.log >&2
  exit "$status"
fi
mv "$parts/report.html" "$parts/report.md" "$parts/report.xml" "$night/"

if [ -n "$last" ]; then
  $seamstress diff "$last" "$night" --report markdown="$night/diff.md" --report html="$night/diff.html"
  changed=$?
  [ "$status" -eq 0 ] && status=$changed
fi
$seamstress report --history "$folder" --report html="$folder/history.html"
exit "$status"
