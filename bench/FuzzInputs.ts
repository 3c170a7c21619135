/** Samples in, inputs that are almost right out: cut, joined, repeated and turned over. The same seed gives the same ones. */

/** Draws numbers; mutable. */
export interface Chance {
  /** 0 or more and less than 1. */
  readonly draw: () => number
  /** A whole number, 0 or more and less than `below`. */
  readonly below: (below: number) => number
  readonly oneOf: <A>(choices: ReadonlyArray<A>) => A
}

/** Chance from a seed (mulberry32). */
export const makeChance = (seed: number): Chance => {
  let state = seed >>> 0
  const draw = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(draw() * limit)
  return {
    draw,
    below,
    oneOf: (choices) => {
      const choice = choices[below(choices.length)]
      if (choice === undefined) throw new RangeError("there is nothing to choose from")
      return choice
    }
  }
}

/** Pieces that parsers stumble over. */
const nasty = [
  "",
  " ",
  "\n",
  "\r\n",
  "\u2028",
  "\u0000",
  "\ud800",
  "\udfff",
  "\ufeff",
  "🎉",
  "e\u0301\u0301\u0301",
  "null",
  "true",
  "-0",
  "1e999",
  "9007199254740993",
  "NaN",
  "{}",
  "[]",
  '""',
  "{",
  "}",
  "[",
  "]",
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  ":",
  ",",
  "data:",
  "data: [DONE]\n\n",
  "retry: 99999999999\n",
  "id: \u0000\n",
  "event: error\n",
  "...",
  "?!?!",
  "e.g.",
  "1.2.3.4",
  "```",
  "**",
  "__proto__",
  "constructor",
  '{"__proto__":{}}',
  "<tool_call>",
  "<|python_tag|>",
  "RIFF",
  "WAVE",
  "fmt ",
  "data"
] as const

const MAX_CHARACTERS = 4000

/** One change to a text; `others` are texts it may be joined with. */
const changeText = ({ below, oneOf }: Chance, text: string, others: ReadonlyArray<string>): string => {
  const from = below(text.length + 1)
  const to = from + below(Math.min(40, text.length - from) + 1)
  switch (below(9)) {
    case 0:
      return text.slice(0, from) + text.slice(to)
    case 1:
      return text.slice(0, from) + oneOf(nasty) + text.slice(from)
    case 2:
      return text.slice(0, from) + text.slice(from, to).repeat(1 + below(20)) + text.slice(to)
    case 3:
      return text.slice(0, from) + String.fromCharCode(below(0x10000)) + text.slice(from + 1)
    case 4:
      return text.slice(0, from) + oneOf(others).slice(below(20))
    case 5:
      return text.slice(0, from)
    case 6:
      return text.replace(/-?\d+(?:\.\d+)?/, () =>
        oneOf(["0", "-1", "1e308", "1e-320", "4294967296", '"x"', "null", "[]"])
      )
    case 7:
      return text.replace(/"[^"]*"/g, (found) =>
        below(6) === 0 ? oneOf(["null", "7", "{}", "[[]]", '""', found + found]) : found
      )
    default: {
      const depth = 1 + below(200)
      return text.slice(0, from) + "[".repeat(depth) + (below(2) === 0 ? "]".repeat(depth) : "") + text.slice(to)
    }
  }
}

/** A text made of the samples: one in twenty is one of them, the others are changed up to six times. */
export const textFrom = (chance: Chance, samples: ReadonlyArray<string>): string => {
  let text = chance.oneOf(samples)
  if (chance.below(20) === 0) return text
  for (let changes = 1 + chance.below(6); changes > 0; changes--) text = changeText(chance, text, samples)
  return text.slice(0, MAX_CHARACTERS)
}

/** Bytes made of the samples, likewise. */
export const bytesFrom = (chance: Chance, samples: ReadonlyArray<Uint8Array>): Uint8Array => {
  const { below, oneOf } = chance
  let bytes: Uint8Array = Uint8Array.from(oneOf(samples))
  if (below(20) === 0) return bytes
  for (let changes = 1 + below(8); changes > 0; changes--) {
    const at = below(bytes.length + 1)
    switch (below(5)) {
      case 0:
        bytes[at % Math.max(1, bytes.length)] = below(256)
        break
      case 1:
        bytes = bytes.subarray(0, at)
        break
      case 2:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...oneOf(samples).subarray(0, below(64))])
        break
      case 3:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + below(8))])
        break
      default:
        // A size field of a chunk, more often than not.
        if (bytes.length >= 48)
          new DataView(bytes.buffer, bytes.byteOffset).setUint32(
            oneOf([4, 16, 40]),
            oneOf([0, 1, 0x7fffffff, 0xffffffff, below(200)]),
            true
          )
    }
    if (bytes.byteOffset !== 0 || bytes.length !== bytes.buffer.byteLength) bytes = Uint8Array.from(bytes)
  }
  return bytes.subarray(0, MAX_CHARACTERS)
}

/** Something cut into up to eight pieces, anywhere. */
export const piecesOf = <A extends string | Uint8Array>({ below }: Chance, whole: A): ReadonlyArray<A> => {
  const cuts = Array.from({ length: below(8) }, () => below(whole.length + 1)).sort((a, b) => a - b)
  const bounds = [0, ...cuts, whole.length]
  return bounds.slice(1).map((to, index) => whole.slice(bounds[index], to) as A)
}
