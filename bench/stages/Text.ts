/** Cutting an answer into sentences while it comes, and making them speakable: each beside what is usually written for it. */
import { flush, initial, type SentenceState, step } from "../../src/streams/Sentences.ts"
import { speakable } from "../../src/streams/SpeakableText.ts"
import { type Comparison, type Work } from "./Compare.ts"

const usual =
  "Sure! I'd be happy to help you with that, and I can check your order right now. Dr. Smith is in on Monday at 5 p.m. " +
  "It costs $4.99, or about 10.30 with delivery. Would you like me to book it? Please mail bob@example.com, e.g. today."

const unending = "and then we went on to the next place and so on ".repeat(40)

const chinese = "你好，我很高兴能够帮助您。请告诉我您的订单号码好吗？我们今天下午五点关门！".repeat(10)

/** As a language model gives it: words with the space before them, signs and parts of long words on their own. */
const tokensOf = (text: string): ReadonlyArray<string> =>
  text.match(/\s?[\p{L}\p{M}]{1,6}|\s?\p{N}{1,3}|\s?[^\s]|\s/gu) ?? []

/** Takes the next token, and gives the sentences that are whole with it. */
interface Cutter {
  readonly take: (token: string) => ReadonlyArray<unknown>
  readonly end: () => ReadonlyArray<unknown>
}

const ours = (): Cutter => {
  let state: SentenceState = initial()
  return {
    take: (token) => {
      const [next, pieces] = step(state, token)
      state = next
      return pieces
    },
    end: () => {
      const last = flush(state)
      state = initial()
      return last
    }
  }
}

/** Keeps text until it can be split; all but the last part are whole. */
const bySplitting = (split: (text: string) => ReadonlyArray<string>) => (): Cutter => {
  let buffer = ""
  return {
    take: (token) => {
      const parts = split(buffer + token)
      buffer = parts.at(-1) ?? ""
      return parts.slice(0, -1)
    },
    end: () => {
      const last = buffer.trim() === "" ? [] : [buffer]
      buffer = ""
      return last
    }
  }
}

/** The tutorial's. */
const byExpression = bySplitting((text) => text.split(/(?<=[.!?])\s+/))

const segmenter = (language: string) => {
  const sentences = new Intl.Segmenter(language, { granularity: "sentence" })
  return bySplitting((text) => Array.from(sentences.segment(text), ({ segment }) => segment))
}

const count = (cutter: Cutter, text: string): string => {
  const pieces = [...tokensOf(text).flatMap(cutter.take), ...cutter.end()].length
  return pieces === 1 ? "1 piece" : `${pieces} pieces`
}

/** The answer again and again, a token at a time. */
const again = (cutter: Cutter, text: string): Work => {
  const tokens = tokensOf(text)
  let at = 0
  return () => {
    const token = tokens[at++]
    if (token !== undefined) return cutter.take(token)
    at = 0
    return cutter.end()
  }
}

const comparison = (name: string, text: string, alternative: string, theirs: () => Cutter): Comparison => ({
  stage: `${name}, ${count(ours(), text)}`,
  ours: again(ours(), text),
  alternative: `${alternative}, ${count(theirs(), text)}`,
  theirs: again(theirs(), text)
})

/** For a token. */
export const sentences: ReadonlyArray<Comparison> = [
  comparison("sentences, usual", usual, "split by an expression", byExpression),
  comparison("the same", usual, "Intl.Segmenter", segmenter("en")),
  comparison("sentences, no stops", unending, "split by an expression", byExpression),
  comparison("the same", unending, "Intl.Segmenter", segmenter("en")),
  comparison("sentences, Chinese", chinese, "Intl.Segmenter", segmenter("zh"))
]

const marked = "**Great!** It takes ~5 min, see [the docs](https://example.com/a_b): 50% off & `free` 😊."
const plain = "I'd be happy to help you with that, and I can check your order right now."

/** What is usually written: links become their text, and signs and pictures are left out. */
const stripped = (text: string): string =>
  text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*_`#~]/g, "")
    .replace(/\p{Extended_Pictographic}/gu, "")
    .replace(/\s+/g, " ")
    .trim()

/** For a sentence. */
export const speaking: ReadonlyArray<Comparison> = [
  {
    stage: "speakable, plain",
    ours: () => speakable(plain),
    alternative: "four replacements",
    theirs: () => stripped(plain)
  },
  {
    stage: "speakable, with Markdown",
    ours: () => speakable(marked),
    alternative: "four replacements, says less",
    theirs: () => stripped(marked)
  }
]
