#!/usr/bin/env bash
# The mirror, from nothing: installs a C compiler and Rust where they are missing, builds, runs. Arguments go to `edge`:
#   bash edge/start.sh                          the demo visitors age
#   bash edge/start.sh age photo.jpg --out out  a photograph ages
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/setup.sh"
need_compiler
need_rust
# Stay in the caller's folder, so that paths in the arguments mean what they say.
exec cargo run --release --manifest-path "$top/Cargo.toml" -- "$@"
