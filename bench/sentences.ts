/** Measures cutting a reply into sentences, against a plain regular expression over the text so far, and making sentences speakable. `node bench/sentences.ts` */
import { flush, initial, step } from "../src/streams/Sentences.ts"
import { speakable } from "../src/streams/SpeakableText.ts"

const ROUNDS = 9
const ROUND_MS = 150

const chat =
  "Sure! I'd be happy to help you with that, and I can check your order right now. Dr. Smith is in on Monday at 5 p.m. " +
  "It costs $4.99, or about 10.30 with delivery. Would you like me to book it? Please mail bob@example.com, e.g. today."

const replies: Readonly<Record<string, string>> = {
  "a short answer": "Yes. We open at nine.",
  "a usual answer": chat,
  "a long answer": `${chat} `.repeat(20),
  "an answer without stops": "and then we went on to the next place and so on ".repeat(40),
  "an answer in Chinese": "你好，我很高兴能够帮助您。请告诉我您的订单号码好吗？我们今天下午五点关门！".repeat(10)
}

/** As a language model gives it: words with the space before them, signs and parts of long words on their own. */
const tokensOf = (text: string): ReadonlyArray<string> =>
  text.match(/\s?[\p{L}\p{M}]{1,6}|\s?\p{N}{1,3}|\s?[^\s]|\s/gu) ?? []

/** What is usually written: text is kept until an expression finds a stop with white space after it. */
const naive = (tokens: ReadonlyArray<string>): number => {
  let buffer = ""
  let count = 0
  for (const token of tokens) {
    buffer += token
    for (;;) {
      const found = /^([\s\S]*?[.!?。！？])(?:\s+|(?<=[。！？]))([\s\S]*)$/.exec(buffer)
      if (found === null) break
      count++
      buffer = found[2] ?? ""
    }
  }
  return buffer.trim() === "" ? count : count + 1
}

const ours = (tokens: ReadonlyArray<string>): number => {
  let state = initial()
  let count = 0
  for (const token of tokens) {
    const [next, pieces] = step(state, token)
    state = next
    count += pieces.length
  }
  return count + flush(state).length
}

/** Nanoseconds per unit of work: the median of some rounds after one to warm up. */
const measure = (units: number, run: () => unknown): number => {
  const rounds: Array<number> = []
  for (let round = 0; round <= ROUNDS; round++) {
    const begun = performance.now()
    let runs = 0
    while (performance.now() - begun < ROUND_MS) {
      run()
      runs++
    }
    if (round > 0) rounds.push((1e6 * (performance.now() - begun)) / runs / units)
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
}

console.log("sentences, ns per token")
for (const [name, text] of Object.entries(replies)) {
  const tokens = tokensOf(text)
  const plain = measure(tokens.length, () => naive(tokens))
  const cut = measure(tokens.length, () => ours(tokens))
  console.log(
    `  ${name.padEnd(24)} ${String(tokens.length).padStart(5)} tokens` +
      `  ours ${cut.toFixed(0).padStart(5)} (${ours(tokens)} pieces)` +
      `  naive ${plain.toFixed(0).padStart(5)} (${naive(tokens)} pieces)` +
      `  ratio ours/naive ${(cut / plain).toFixed(2)}`
  )
}

const marked = "**Great!** It takes ~5 min, see [the docs](https://example.com/a_b): 50% off & `free` 😊."
const plain = "I'd be happy to help you with that, and I can check your order right now."
console.log("speakable, us per sentence")
console.log(`  plain  ${(measure(1, () => speakable(plain)) / 1000).toFixed(1)}`)
console.log(`  marked ${(measure(1, () => speakable(marked)) / 1000).toFixed(1)}`)
