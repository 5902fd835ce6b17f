#!/bin/sh
# What WebAssembly's relaxed dot product of bytes makes of a second operand's upper bit differs from processor to
# processor, without a word, and what one of them makes is useful.
#
# i32x4.relaxed_dot_i8x16_i7x16_add_s promises only seven bits of it. Tried: V8 12.4 (Node 22.23.3 of npm), four
# products of 127 by the byte 255: ARM (emulated, with its dot product) takes the byte for -1 and gives -508; x86-64
# without AVX-VNNI (an EPYC of 2021) takes it for 255, but cuts the sums of two off at 32767 and gives 65534. With
# AVX-VNNI V8's sources use an instruction that cuts nothing off, which would give 129540; that was not tried. So pixels
# of eight bits come out right on telephones (less 128) and wrong on many desktops: ask, and choose.
# Exits 0 as long as that is so. Needs npm, and Debian's qemu-user-static and libstdc++6-arm64-cross.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > dot.mjs <<'EOP'
const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0];
const body = [0, 65, 255, 0, 253, 15, 65, 127, 253, 15, 65, 0, 253, 17, 253, 147, 2, 253, 27, 0, 11];
const code = Uint8Array.from([...head, 10, body.length + 2, 1, body.length, ...body]);
console.log(new WebAssembly.Instance(new WebAssembly.Module(code)).exports.f());
EOP
for system in x64 arm64; do
  npm pack --silent "node-linux-$system@22.23.3" > /dev/null
  mkdir "$system"
  tar xzf "node-linux-$system-22.23.3.tgz" -C "$system"
done
x86=$(x64/package/bin/node dot.mjs)
arm=$(qemu-aarch64-static -cpu max -L /usr/aarch64-linux-gnu arm64/package/bin/node dot.mjs)
echo "x86-64: $x86, ARM: $arm"
grep -q avx_vnni /proc/cpuinfo || [ "$x86" = 65534 ]
[ "$arm" = -508 ]
echo "as described"
