#!/usr/bin/env bash
# The scenarios of integration/ that CI runs for seconds, for minutes: nodes that die, hang, are slow or cut off, a bucket that
# fails, is away or loses its answers, two stores that commit at once, an upgrade, five hundred times kill -9, beside a real
# Prometheus, whose receiver is away for ten minutes. Keeps what each prints in a file of bench/results/soak/. A peer that is
# missing is a failure; Python's readers come from PyPI.
#
# usage: bench/soak.sh [FACTOR [SCENARIO…]]      how many times longer than in CI, 15 where it is not given; all, or these
set -euo pipefail
cd "$(dirname "$0")/.."
factor="${1:-15}"
scenarios=("${@:2}")
[ ${#scenarios[@]} -gt 0 ] ||
    scenarios=(cluster:: bucket:: commits:: crash:: ring:: membership:: prometheus::a_cluster prometheus::outage upgrade::)
errors=target/soak.err
. .ci/python.sh
export WEIR_REQUIRE_PEERS=1
cargo test --workspace --test integration --no-run
mkdir -p bench/results/soak
failed=()
for scenario in "${scenarios[@]}"; do
    name="${scenario%::}"
    out="bench/results/soak/${name##*::}.txt"
    {
        echo "WEIR_SOAK=$factor, $(nproc) cores, commit $(git rev-parse --short HEAD)"
        WEIR_SOAK="$factor" cargo test --workspace --test integration -- --nocapture "$scenario" 2>"$errors" |
            grep -v '^$' | sed 's#^/[^ ]*/s3/#s3/#' || grep -A4 'panicked at' "$errors" || true
    } | tee "$out"
    grep -q '^test result: ok' "$out" || failed+=("$scenario")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
