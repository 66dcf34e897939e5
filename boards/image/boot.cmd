# Starts one of the two systems on the card (U-Boot's language; `boards image` fills in the words in @).
# RAUC's agreement with U-Boot: BOOT_ORDER names the systems, the preferred one first; BOOT_x_LEFT counts the starts that each
# still has before it is given up. A system that shows pictures fills its count up again.
setenv BOOT_ORDER "A B"
setenv BOOT_A_LEFT 3
setenv BOOT_B_LEFT 3
${devtype} dev ${devnum}
if ${devtype} read @state_address@ @state_block@ @state_blocks@; then
    env import -c @state_address@ @state_bytes@ BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT TRIED
fi
setenv slot
for name in ${BOOT_ORDER}; do
    if test "x${slot}" = "x"; then
        if test "${name}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
            setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
            setenv slot A
            setenv boot_partition @boot_a@
            setenv root_partition @root_a@
        elif test "${name}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
            setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
            setenv slot B
            setenv boot_partition @boot_b@
            setenv root_partition @root_b@
        fi
    fi
done
if test "x${slot}" = "x"; then
    echo "neither system started; both are tried again"
    setenv BOOT_A_LEFT 3
    setenv BOOT_B_LEFT 3
fi
env export -c -s @state_bytes@ @state_address@ BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT TRIED
${devtype} write @state_address@ @state_block@ @state_blocks@
if test "x${slot}" = "x"; then
    reset
fi

# Words that somebody put on the first partition by hand.
setenv extra
if load ${devtype} ${devnum}:1 @state_address@ kernel.txt; then
    env import -t @state_address@ ${filesize} extra
fi
setenv bootargs "root=PARTUUID=@disk@-0${root_partition} rauc.slot=${slot} @arguments@ ${extra}"
setenv kernel_comp_addr_r @unpack_address@
setenv kernel_comp_size @unpack_bytes@
load ${devtype} ${devnum}:${boot_partition} @kernel_address@ vmlinuz.gz
load ${devtype} ${devnum}:${boot_partition} @steps_address@ first-steps
booti @kernel_address@ @steps_address@:${filesize} ${fdt_addr}
# Only reached when that system cannot be started.
reset
