#!/usr/bin/env bash
# Proves everything, from nothing: installs what is missing, then format, lints, every crate's tests (the trainer with
# libtorch included), the real binaries end to end, and the mirror's own tests on emulated processors of boards.
#
# CI=true          the builds are kept outside the clone, for next time
# ATGB_NIGHTLY=1   also what takes too long for every commit: all of the mirror's tests on each emulated processor, where
#                  else the longest are left out, and on processors with more features all that does not depend on them
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
. tests/setup.sh

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

step "setting up"
need_compiler c++
need_strace
need_arm
need_boards
need_rust fmt clippy
# Rustc's and torch's own threads would fight over few cores.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
if [ "${CI:-}" = true ]; then
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target} CARGO_INCREMENTAL=0 CARGO_TERM_PROGRESS_WHEN=never
    # Each clone leaves its own crates behind; begin anew before they fill the disk.
    if [ -d "$CARGO_TARGET_DIR" ] && [ "$(du -sm "$CARGO_TARGET_DIR" | cut -f 1)" -gt 20000 ]; then
        rm -rf "$CARGO_TARGET_DIR"
    fi
fi

crates=(--workspace)
if [ -n "${LIBTORCH:-}" ] || [ "$(uname -m)" = x86_64 ]; then
    if [ -z "${LIBTORCH:-}" ]; then
        [ -f "$cache/libtorch-2.11.0/build-version" ] || need_python
        bash trainer/libtorch.sh
        # One path for every clone, so that what was built against it need not be built again.
        [ "${CI:-}" != true ] || export LIBTORCH=$(readlink -f .libtorch)
    fi
else
    echo "libtorch comes for x86-64 only (this is $(uname -m)): the trainer is left out. Set LIBTORCH to test it too."
    crates+=(--exclude trainer)
    export ATGB_WITHOUT_TRAINER=1
fi

step "format"
cargo fmt --all -- --check

step "lints"
# A newer Rust knows new lints: they fail CI, not a visitor's machine.
cargo clippy "${crates[@]}" --all-targets -- $([ "${CI:-}" != true ] || echo -D warnings)

step "the real binaries"
cargo build "${crates[@]}" --bins
export ATGB_BINARIES=${CARGO_TARGET_DIR:-$top/target}/debug

step "tests of every crate, and end to end"
cargo test "${crates[@]}"

# Every commit: the quick unit tests, and the image through one power cut. ATGB_NIGHTLY=1: all unit tests, 25 power cuts, and
# the exchange of systems.
if arm_is_ready; then
    step "the mirror on emulated processors of boards"
    arm=(--quick) qemu=(--quick --cuts 1)
    [ "${ATGB_NIGHTLY:-}" != 1 ] || arm=() qemu=(--cuts 25)
    "$ATGB_BINARIES/boards" test arm "${arm[@]}"

    step "the image on an emulated board"
    "$ATGB_BINARIES/boards" test qemu "${qemu[@]}"
else
    step "LEFT OUT: no Rust library for aarch64 can be fetched here (rustup target add aarch64-unknown-linux-gnu)"
fi

step "all is well"
