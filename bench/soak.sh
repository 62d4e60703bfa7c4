#!/usr/bin/env bash
# The scenarios of integration/ that CI runs for seconds, for minutes: nodes that die, hang or are slow, a bucket that fails, is
# away or loses its answers, beside a real Prometheus. Keeps what they print in bench/results/soak.txt.
#
# usage: bench/soak.sh [FACTOR]      how many times longer than in CI; 15 where it is not given
set -euo pipefail
cd "$(dirname "$0")/.."
factor="${1:-15}"
out=bench/results/soak.txt
{
    echo "WEIR_SOAK=$factor, $(nproc) cores, commit $(git rev-parse --short HEAD)"
    WEIR_SOAK="$factor" cargo test --workspace --test integration -- --nocapture \
        cluster:: bucket:: crash:: prometheus::a_cluster 2>/dev/null | grep -v '^$'
} | tee "$out"
