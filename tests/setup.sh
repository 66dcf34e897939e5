# Sourced by edge/start.sh and tests/all.sh: brings a fresh Debian or Ubuntu to where cargo can work. Each function does
# nothing when its part is already there. Needs root or sudo only for what is missing; asks nothing.

rust_wanted=1.91 # Cargo.toml's rust-version
cache=${ATGB_CACHE:-$HOME/.cache/as-time-goes-by}

say() { echo "setup: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root or sudo is needed for: $*"
    fi
}

# The package lists, once; fails where there is no apt.
package_lists() {
    [ -z "${lists_are_fresh:-}" ] || return 0
    command -v apt-get >/dev/null || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >&2
    lists_are_fresh=yes
}

# install PACKAGE…
install() {
    package_lists || fail "install these with your package manager, then start again: $*"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" </dev/null >&2
}

need_compiler() {
    command -v cc >/dev/null || install gcc libc6-dev
    # tch's C++ shim is the only C++ here.
    [ "${1:-}" != c++ ] || command -v c++ >/dev/null || install g++
}

need_python() {
    command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || install python3 python3-pip
}

# What the privacy test watches the mirror with; without it the test sees less, and says so.
need_strace() {
    command -v strace >/dev/null || install strace
}

# What builds for the boards' processor, and what is that processor in the tests; `boards` adds Rust's part.
need_arm() {
    if [ "$(uname -m)" != aarch64 ]; then
        command -v aarch64-linux-gnu-gcc >/dev/null && [ -e /usr/aarch64-linux-gnu/lib/crt1.o ] ||
            install gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    fi
    command -v readelf >/dev/null || install binutils
    command -v qemu-aarch64 >/dev/null || command -v qemu-aarch64-static >/dev/null || install qemu-user-static
}

# What the unit tests of `boards` make partitions, file systems and packages with; its commands install what else they need.
need_boards() {
    PATH=$PATH:/usr/sbin:/sbin
    local program
    for program in sfdisk mkfs.vfat mcopy openssl dpkg-deb git; do
        command -v "$program" >/dev/null || { install fdisk dosfstools mtools openssl dpkg git && return; }
    done
}

# True when Rust's library for the boards' processor is there or can be fetched.
arm_is_ready() {
    [ -e "$(rustc --print target-libdir --target aarch64-unknown-linux-gnu)" ] ||
        { command -v rustup >/dev/null && rustup target add aarch64-unknown-linux-gnu </dev/null >&2; }
}

# True when a cargo that is new enough answers.
rust_is_new_enough() {
    local found
    found=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) && [ -n "$found" ] &&
        [ "$(printf '%s\n' "$rust_wanted" "$found" | sort -V | head -n 1)" = "$rust_wanted" ]
}

# need_rust [COMPONENT…]: cargo in PATH, with rustfmt and clippy where asked for.
need_rust() {
    PATH=$PATH:$HOME/.cargo/bin
    if ! rust_is_new_enough; then
        if ! command -v rustup >/dev/null && package_lists && LC_ALL=C apt-cache policy rustup | grep -q 'Candidate: [0-9]'; then
            install rustup ca-certificates
        fi
        if command -v rustup >/dev/null; then
            say "fetching the stable Rust toolchain"
            rustup toolchain install stable --profile minimal --no-self-update </dev/null >&2
            export RUSTUP_TOOLCHAIN=stable
        else
            # What https://sh.rustup.rs would fetch.
            local host=https://static.rust-lang.org/rustup/dist/$(uname -m)-unknown-linux-gnu init
            init=$(mktemp -d)
            command -v curl >/dev/null || install curl ca-certificates
            say "fetching Rust from $host"
            curl --proto '=https' --tlsv1.2 -sSf "$host/rustup-init" -o "$init/rustup-init"
            chmod +x "$init/rustup-init"
            "$init/rustup-init" -y --profile minimal --no-modify-path </dev/null >&2
            rm -rf "$init"
            PATH=$HOME/.cargo/bin:$PATH
        fi
        rust_is_new_enough || fail "cargo $rust_wanted or newer is needed; found: $(cargo --version 2>&1 | head -n 1)"
    fi
    local component
    for component in "$@"; do
        cargo "$component" --version >/dev/null 2>&1 || rustup component add "${component/#fmt/rustfmt}" </dev/null >&2 ||
            fail "cargo $component is missing; install it beside $(command -v cargo)"
    done
}
