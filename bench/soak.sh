#!/usr/bin/env bash
# The scenarios of integration/ that CI runs for seconds, for minutes: nodes that die, hang, are slow or cut off, a bucket that
# fails, is away or loses its answers, two stores that commit at once, an upgrade, five hundred times kill -9, beside a real
# Prometheus, whose receiver is away for ten minutes. Keeps what they print in bench/results/soak.txt. A peer that is missing is a
# failure; Python's readers come from PyPI.
#
# usage: bench/soak.sh [FACTOR]      how many times longer than in CI; 15 where it is not given
set -euo pipefail
cd "$(dirname "$0")/.."
factor="${1:-15}"
out=bench/results/soak.txt
errors=target/soak.err
. .ci/python.sh
export WEIR_REQUIRE_PEERS=1
cargo test --workspace --test integration --no-run
{
    echo "WEIR_SOAK=$factor, $(nproc) cores, commit $(git rev-parse --short HEAD)"
    WEIR_SOAK="$factor" cargo test --workspace --test integration -- --nocapture \
        cluster:: bucket:: commits:: crash:: ring:: membership:: prometheus::a_cluster \
        prometheus::outage upgrade:: 2>"$errors" | grep -v '^$' ||
        grep -A4 'panicked at' "$errors" || true
} | tee "$out"
grep -q '^test result: ok' "$out"
