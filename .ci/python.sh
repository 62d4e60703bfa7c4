# A Python with other readers of Delta tables, pyarrow, a second S3 server, a client of Arrow Flight SQL and a validator of JSON
# Schemas, for the tests in integration/. To be sourced, at the root of the project, with `set -e`: sets WEIR_PYTHON where it is
# not set, and fails where the packages can't be had.
if [ -z "${WEIR_PYTHON:-}" ]; then
    # Debian has the module that makes virtual environments in a package of its own.
    if ! python3 -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    fi
    python3 -m venv target/ci-python
    target/ci-python/bin/pip install --quiet --disable-pip-version-check \
        'deltalake==1.*' 'polars>=1,<3' 'duckdb>=1,<3' 'pyarrow' 'moto[server]==5.*' 'adbc-driver-flightsql==1.*' 'pandas>=2,<4' \
        'jsonschema>=4'
    export WEIR_PYTHON="$PWD/target/ci-python/bin/python"
fi
