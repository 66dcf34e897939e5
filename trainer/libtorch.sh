#!/usr/bin/env bash
# Puts a CPU-only libtorch where cargo looks for it (.libtorch), out of the wheels that PyPI holds.
# Kept once per machine in ${ATGB_CACHE:-~/.cache/as-time-goes-by}; 12 to 40 seconds, 500 MB.
set -euo pipefail

torch=2.11.0 # the version that tch 0.24 is generated for
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${ATGB_CACHE:-$HOME/.cache/as-time-goes-by}
home=$cache/libtorch-$torch

if [ -n "${LIBTORCH:-}" ]; then
    echo "libtorch: using LIBTORCH=$LIBTORCH"
    exit 0
fi
if [ ! -f "$home/build-version" ]; then
    command -v python3 >/dev/null || { echo "libtorch: python3 is needed to fetch it: apt-get install python3 python3-pip" >&2; exit 1; }
    python3 -m pip --version >/dev/null 2>&1 || { echo "libtorch: pip is needed to fetch it: apt-get install python3-pip" >&2; exit 1; }
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "libtorch: fetching torch $torch (531 MB) into $home"
    python3 -m pip download --quiet --no-deps --dest "$work" --only-binary=:all: --python-version 3.11 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 \
        "torch==$torch" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
    python3 - "$work" <<'PY'
import glob, os, sys, zipfile
work = sys.argv[1]
lib = os.path.join(work, "tree", "lib")
os.makedirs(lib)
wanted = {"libc10.so", "libtorch_cpu.so", "libcudart.so.13", "libcupti.so.13"}
for wheel in glob.glob(os.path.join(work, "*.whl")):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            base = os.path.basename(name)
            if name.startswith("torch/include/"):
                z.extract(name, work)
            elif base in wanted or base.startswith("libgomp"):
                with z.open(name) as src, open(os.path.join(lib, base), "wb") as dst:
                    while chunk := src.read(1 << 22):
                        dst.write(chunk)
os.rename(os.path.join(work, "torch", "include"), os.path.join(work, "tree", "include"))
PY
    # The real libtorch.so wants libtorch_cuda.so.
    ln -sf libtorch_cpu.so "$work/tree/lib/libtorch.so"
    echo "$torch" >"$work/tree/build-version"
    rm -rf "$home"
    mv "$work/tree" "$home"
fi
ln -sfn "$home" "$top/.libtorch"
echo "libtorch: $home"
