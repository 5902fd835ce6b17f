const WORDS = /[A-Z]+(?![a-z])\d*|[A-Z]?[a-z0-9]+|[^A-Za-z0-9]+/g;
const SIDES = { left: "left", l: "left", right: "right", r: "right" };
const INSIDE = /left|right|^[lr](?=\d+$)/;
export function side(name) {
    const words = name.split(/[^\p{L}\p{N}]+/u).flatMap((part) => part.match(WORDS) ?? []).map((word) => word.toLowerCase());
    const word = words.find((each) => Object.hasOwn(SIDES, each)) ?? words.map((each) => INSIDE.exec(each)?.[0]).find(Boolean);
    return word ? SIDES[word] : null;
}
