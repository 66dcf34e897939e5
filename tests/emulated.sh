#!/usr/bin/env bash
# The mirror on a real Linux kernel without any hardware: an emulated machine with a virtual camera, display and keyboard.
# Checks that a face reaches the screen, is aged when a key asks for it, and that camera and display may go and come back.
#
#   bash tests/emulated.sh          two minutes after the build; needs Debian (apt) and cargo
#
# It is slower than a board by about fifty times, so nothing here measures speed. Screenshots stay in the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
cache=${ATGB_CACHE:-$HOME/.cache/as-time-goes-by}/emulated
mkdir -p "$cache/shots"

say() { echo "== $*"; }
die() { echo "emulated: $*" >&2; exit 1; }

install_tools() {
    command -v qemu-system-x86_64 > /dev/null && return
    say "installing QEMU"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends qemu-system-x86; } > "$cache/apt.log" 2>&1 ||
        die "QEMU cannot be installed ($cache/apt.log); is this Debian, with network, as root? Or install qemu-system-x86 yourself"
}

# A kernel with vivid and virtio-gpu; the cloud flavour has neither.
get_kernel() {
    [ -e "$cache/kernel/boot" ] && return
    say "downloading Debian's kernel and busybox"
    local image
    image=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)/\1/p' | head -1)
    [ -n "$image" ] || die "apt knows no linux-image-amd64; run apt-get update"
    (cd "$cache" && apt-get download -qq "$image" busybox-static) || die "apt cannot download $image; is there network?"
    dpkg-deb -x "$cache"/busybox-static_*.deb "$cache/busybox"
    dpkg-deb -x "$cache/${image}"_*.deb "$cache/kernel"
}

pack() {
    say "packing the machine's files"
    local root=$cache/root box=$cache/busybox/bin/busybox version module file program
    version=$(ls "$cache/kernel/lib/modules")
    [ -s "$cache/kernel/lib/modules/$version/modules.dep" ] || "$box" depmod -b "$cache/kernel" "$version"
    rm -rf "$root"
    mkdir -p "$root"/{bin,dev,proc,sys,lib,lib64,pictures} "$root/lib/modules/$version"
    for module in virtio_pci virtio-gpu evdev vivid; do
        for file in $(sed -n "s,^\([^:]*/$module\.ko\):\(.*\),\1 \2,p" "$cache/kernel/lib/modules/$version/modules.dep"); do
            install -D -m 644 "$cache/kernel/lib/modules/$version/$file" "$root/lib/modules/$version/$file"
        done
    done
    "$box" depmod -b "$root" "$version"
    cp "$box" "$root/bin/"
    for file in $("$box" --list); do [ "$file" = busybox ] || ln -s busybox "$root/bin/$file"; done
    for program in "$target/edge" "$target/examples/hardware"; do
        strip -o "$root/bin/${program##*/}" "$program"
        for file in $(ldd "$program" | grep -o '/[^ ]*'); do cp -L "$file" "$root/lib/"; done
    done
    cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
    cp "$here"/edge/demo/visitor*.png "$root/pictures/"
    cp "$here/tests/emulated/kiosk.toml" "$root/"
    install -m 755 "$here/tests/emulated/init" "$root/init"
    (cd "$root" && find . | "$box" cpio -o -H newc 2> /dev/null | gzip -1) > "$cache/initramfs.gz"
}

boot() {
    say "booting"
    rm -f "$cache/serial.log"
    qemu-system-x86_64 -M pc -accel tcg,thread=multi -cpu max -smp 2 -m 2G -display none -vga none -device virtio-gpu-pci \
        -kernel "$cache"/kernel/boot/vmlinuz-* -initrd "$cache/initramfs.gz" -append "console=ttyS0 quiet" -no-reboot \
        -serial "file:$cache/serial.log" \
        -chardev "socket,id=hand,host=127.0.0.1,port=$hand,server=on,wait=off" -device isa-serial,chardev=hand \
        -qmp "tcp:127.0.0.1:$qmp,server=on,wait=off" > "$cache/qemu.log" 2>&1 &
    machine=$!
    trap 'kill "$machine" 2> /dev/null || true' EXIT
    local end=$((SECONDS + 300))
    until grep -q "machine is up" "$cache/serial.log" 2> /dev/null; do
        kill -0 "$machine" 2> /dev/null || die "QEMU ended: $(cat "$cache/qemu.log")"
        [ "$SECONDS" -lt "$end" ] || die "the machine does not come up; see $cache/serial.log"
        sleep 1
    done
    exec 3<> "/dev/tcp/127.0.0.1/$hand" 4<> "/dev/tcp/127.0.0.1/$qmp"
    ask '{"execute":"qmp_capabilities"}'
}

# Runs a line in the machine and prints what it prints.
inside() {
    local line
    echo "$*" >&3
    while read -r -t 120 line <&3; do
        line=${line%$'\r'}
        [[ $line == done\ * ]] && return "${line#done }"
        echo "$line"
    done
    die "the machine does not answer"
}

# Sends a command to QEMU and waits for its answer.
ask() {
    local line
    echo "$1" >&4
    while read -r -t 60 line <&4; do
        case $line in *'"return"'*) return ;; *'"error"'*) die "$line" ;; esac
    done
    die "QEMU does not answer"
}

shot() { ask "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"$cache/shots/$1.png\",\"format\":\"png\"}}"; }
key() { ask "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"$1\"}]}}"; }
judge() { "$target/examples/hardware" "$@"; }
has_face() { shot "$1" && judge face "$cache/shots/$1.png" > /dev/null 2>&1; }
no_face() { shot "$1" && ! judge face "$cache/shots/$1.png" > /dev/null 2>&1; }
# The log of a program in the machine has a line. (A repeated message is written once a minute only.)
logged() { inside "grep -c '$2' /tmp/$1.log" > /dev/null; }

# Waits until a check holds, for a number of seconds.
within() {
    local end=$((SECONDS + $1)) start=$SECONDS
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 1
    done
    took="$((SECONDS - start)) s"
}

passed=0 failed=0 took=
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok       $what${took:+ ($took)}"
    else
        failed=$((failed + 1))
        echo "FAILED   $what"
    fi
    took=
}

feed() { inside "(hardware feed /pictures/visitor1.png $1 $2 > /tmp/feed.log 2>&1 &)" && within 30 logged feed fed; }
node() { inside "basename \$(dirname \$(grep -l $1 /sys/class/video4linux/*/name))" | sed 's,^,/dev/,'; }
unplug() { inside "echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind"; }
plug() { inside "echo vivid.0 > /sys/bus/platform/drivers/vivid/bind"; }
monitor() { inside "echo $1 > /sys/class/drm/card0-Virtual-1/status"; }
aged() { shot aged && judge aged "$cache/shots/plain.png" "$cache/shots/aged.png"; }

install_tools
get_kernel
say "building"
cargo build --workspace --exclude trainer --exclude tests --bins --examples
target=${CARGO_TARGET_DIR:-target}/debug
hand=$((20000 + RANDOM % 20000)) qmp=$((hand + 1))
pack
boot

say "camera, face, generator, display and keys, at any pace"
check "a picture is held before the camera" feed /dev/video1 /dev/video0
inside "(hardware look > /tmp/look.log 2>&1 &)"
check "the camera's face is on the display" within 60 has_face plain
key right
check "a key is heard" within 30 logged look Older
check "the face is aged as this machine ages it" within 60 logged look "older true"
check "the aged face is on the display" within 60 aged
key left
unplug
check "an unplugged camera is noticed" within 20 logged look "no camera"
plug
check "it is used again" within 20 logged look "scene 2"
monitor off
check "a display that is switched off is noticed" within 20 logged look "no display"
monitor detect
check "it is used again" within 30 logged look "shown again"
inside "killall hardware" || true

say "edge run: the kiosk itself"
inside "(edge run --config /kiosk.toml > /tmp/edge.log 2>&1 &)"
check "the kiosk finds the camera" within 60 logged edge "camera /dev/video0"
check "a picture is held before it" feed "$(node vid-out)" "$(node vid-cap)"
check "the visitor's face is on the display" within 90 has_face kiosk
unplug
check "without a camera nobody is shown" within 60 no_face nocamera
plug
check "a picture is held before it again" feed "$(node vid-out)" "$(node vid-cap)"
check "the visitor's face is back on the display" within 90 has_face back
check "the kiosk runs on" inside "pidof edge > /dev/null"

say "$passed passed, $failed failed; screenshots in $cache/shots"
[ "$failed" -eq 0 ]
