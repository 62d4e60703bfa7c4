# The language server that editors check YAML with, for the test in integration/schema.rs. To be sourced, at the root of the
# project: sets WEIR_YAML_LANGUAGE_SERVER where it is not set and there is npm, which takes some seconds. Where there is none
# the test is skipped, and Python's validator looks alone: npm from Debian is some hundreds of packages.
if [ -z "${WEIR_YAML_LANGUAGE_SERVER:-}" ]; then
    # The last of 1.x: 2.0 wants a newer node than many machines have.
    if command -v npm >/dev/null &&
        npm install --silent --no-audit --no-fund --prefix target/ci-node 'yaml-language-server@1.25' >/dev/null; then
        export WEIR_YAML_LANGUAGE_SERVER="$PWD/target/ci-node/node_modules/.bin/yaml-language-server"
    else
        echo "not installed: yaml-language-server"
    fi
fi
