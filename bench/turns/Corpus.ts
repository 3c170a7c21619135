/** A seed in, the calls of the benchmark out: what callers say, where they pause, what is in the way. Pure; the same seed gives the same calls. */
import { BYTES_PER_MS } from "../../src/schema/Audio.ts"
import { type CallerScript, hangUp, interrupt, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { draw } from "../../src/testing/Draws.ts"
import { type Impairments } from "../../src/testing/Impairments.ts"
import { type Recording, type Recordings, type SpokenWord } from "./Recordings.ts"

/** What the line is like. */
export type Condition = "quiet" | "pink 10 dB" | "pink 5 dB" | "babble 10 dB" | "babble 5 dB" | "echo"

/** What a caller does in a turn. */
export type TurnKind =
  /** Says a sentence without a break. */
  | "plain"
  /** Breaks off in a sentence, once or twice, and goes on. */
  | "hesitant"
  /** Says two sentences with a pause between. */
  | "two sentences"
  /** Says yes to a question. */
  | "yes"
  /** Reads out a telephone number in groups. */
  | "number"
  /** Speaks over the agent and means it. */
  | "barge-in"
  /** Says "mm-hm" over the agent. */
  | "backchannel"
  /** Coughs over the agent. */
  | "cough"
  /** Says nothing for a while. */
  | "silence"

/** A stretch of speech without a pause that was put into it. */
export interface Piece {
  readonly id: string
  readonly audio: Int16Array
  readonly words: ReadonlyArray<SpokenWord>
  /** The caller goes on after it: nobody ends a sentence there. */
  readonly goesOn: boolean
}

/** One turn of a caller. */
export interface PlannedTurn {
  readonly kind: TurnKind
  readonly pieces: ReadonlyArray<Piece>
  /** What the agent says to it. */
  readonly reply: string
}

/** One call. */
export interface PlannedCall {
  readonly seed: number
  readonly condition: Condition
  readonly greeting: string
  readonly turns: ReadonlyArray<PlannedTurn>
  readonly script: CallerScript
  readonly impairments: Impairments
  /** Level of babble on the line relative to speech, in dB; undefined: none. */
  readonly babbleDb: number | undefined
}

/** Turns that are said over the agent's speech. */
export const isOver = (kind: TurnKind): boolean => kind === "barge-in" || kind === "backchannel" || kind === "cough"

/** Turns that are to be answered. */
export const isAnswered = (kind: TurnKind): boolean => kind !== "backchannel" && kind !== "cough" && kind !== "silence"

interface Dice {
  readonly next: () => number
  readonly between: (from: number, to: number) => number
  readonly oneOf: <A>(choices: ReadonlyArray<A>) => A
  /** From a normal distribution with mean 0 and variance 1. */
  readonly normal: () => number
}

const diceOf = (seed: number): Dice => {
  let asked = 0
  const next = (): number => draw(seed, 7, asked++)
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    oneOf: <A>(choices: ReadonlyArray<A>): A => choices[Math.floor(next() * choices.length)] as A,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  }
}

/**
 * Pauses inside turns: log-normal with a median of 450 ms, which puts four in ten above 500 ms. Source for the shape:
 * Heldner and Edlund, "Pauses, gaps and overlaps in conversations" (Journal of Phonetics, 2010).
 */
const innerPauseMs = (dice: Dice): number =>
  Math.round(Math.min(1800, Math.max(180, 450 * Math.exp(0.55 * dice.normal()))))

/** Words people break off after, when they look for the next one. */
const hesitatesAfter = new Set(
  "the a your to of for and or but is are was be that this in on at with by not their them i you my will can".split(" ")
)

const bare = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}']/gu, "")

/** The quietest moment around the end of a word, in milliseconds. */
const breakAt = (audio: Int16Array, aboutMs: number): number => {
  let best = aboutMs
  let least = Number.POSITIVE_INFINITY
  for (let ms = Math.max(20, aboutMs - 90); ms <= aboutMs + 90; ms += 10) {
    let sum = 0
    for (let i = (ms - 15) * BYTES_PER_MS; i < (ms + 15) * BYTES_PER_MS; i++) sum += (audio[i] ?? 0) ** 2
    if (sum >= least) continue
    least = sum
    best = ms
  }
  return best
}

/** Lets the ends of a cut fade, over 10 ms, as voices do. */
const faded = (audio: Int16Array, start: boolean, end: boolean): Int16Array => {
  const ramp = 10 * BYTES_PER_MS
  return audio.map((sample, i) => {
    const gain = Math.min(start ? i / ramp : 1, end ? (audio.length - 1 - i) / ramp : 1, 1)
    return Math.round(sample * gain)
  })
}

/** Cuts a recording after some of its words. */
const cutAfter = (id: string, { audio, words }: Recording, cuts: ReadonlyArray<number>): ReadonlyArray<Piece> => {
  const places = [...cuts.map((cut) => breakAt(audio, words[cut - 1]?.endMs ?? 0)), audio.length / BYTES_PER_MS]
  return places.map((endMs, index) => {
    const startMs = places[index - 1] ?? 0
    const last = index === places.length - 1
    return {
      id: `${id}.${index}`,
      audio: faded(audio.slice(startMs * BYTES_PER_MS, endMs * BYTES_PER_MS), index > 0, !last),
      words: words.slice(cuts[index - 1] ?? 0, cuts[index]).map((word) => ({
        word: word.word,
        startMs: Math.max(0, word.startMs - startMs),
        endMs: Math.min(endMs, word.endMs) - startMs
      })),
      goesOn: !last
    }
  })
}

/** Where a sentence breaks: half of the time after a small word, three in ten times between clauses, else anywhere. */
const hesitation = (dice: Dice, words: ReadonlyArray<SpokenWord>): number | undefined => {
  const places = words.map((_, index) => index + 1).slice(1, -2)
  const small = places.filter((place) => hesitatesAfter.has(bare(words[place - 1]?.word ?? "")))
  const clauses = places.filter((place) => /[.,;:!?]$/u.test(words[place - 1]?.word ?? ""))
  const chance = dice.next()
  const wanted = chance < 0.5 ? small : chance < 0.8 ? clauses : places
  const found = wanted.length > 0 ? wanted : places
  return found.length === 0 ? undefined : dice.oneOf(found)
}

const firstSentences = [
  "Sure, I can do that.",
  "Of course, one moment.",
  "Yes, that is possible.",
  "Thanks for telling me.",
  "All right, let me see.",
  "That is no problem at all.",
  "I found your reservation.",
  "Okay, here is what I have."
]

const moreSentences = [
  "There is a free table by the window tomorrow at seven in the evening.",
  "We are open every day from nine in the morning until late at night.",
  "Parking is behind the house, and the first two hours cost you nothing.",
  "The kitchen closes at ten, but the bar stays open for as long as you like.",
  "I have written that down for you together with the name you gave me."
]

const questions = {
  yes: "Is that right for you?",
  number: "What is your phone number?",
  open: "What else can I do for you?"
} as const

const replyTo = (dice: Dice, next: TurnKind | undefined): string => {
  const first = dice.oneOf(firstSentences)
  if (next !== undefined && (isOver(next) || next === "silence")) {
    const at = dice.between(0, moreSentences.length - 1)
    const more = [0, 1, 2].map((n) => moreSentences[(at + n) % moreSentences.length])
    return [first, ...more].join(" ")
  }
  const question = next === "yes" ? questions.yes : next === "number" ? questions.number : questions.open
  return dice.next() < 0.5 ? `${first} ${question}` : `${first} ${dice.oneOf(moreSentences)} ${question}`
}

/** A burst of noise that is loud at once and dies away: what a cough is to a microphone. */
const cough = (dice: Dice): Int16Array => {
  const ms = dice.between(150, 350)
  let low = 0
  return Int16Array.from({ length: ms * BYTES_PER_MS }, (_, i) => {
    low += 0.5 * (2 * dice.next() - 1 - low)
    return Math.round(9000 * low * Math.min(1, i / 40) * Math.exp((-3 * i) / (ms * BYTES_PER_MS)))
  })
}

const backchannels = ["Mm-hm.", "Okay.", "Right.", "Uh-huh.", "Yeah."]

const wordOver = (word: string, audio: Int16Array): SpokenWord => ({
  word,
  startMs: 0,
  endMs: audio.length / BYTES_PER_MS
})

const longSentences = ({ sentences }: Recordings): ReadonlyArray<Recording> =>
  sentences.filter(({ words }) => words.length >= 6)

/** What is said in a turn, and how long the pauses between its pieces are. */
const speak = (
  dice: Dice,
  recordings: Recordings,
  kind: TurnKind,
  id: string
): { readonly pieces: ReadonlyArray<Piece>; readonly pauses: ReadonlyArray<number> } => {
  const whole = ({ audio, words }: Recording, part: number, goesOn: boolean): Piece => ({
    id: `${id}.${part}`,
    audio,
    words,
    goesOn
  })
  switch (kind) {
    case "plain":
      return { pieces: [whole(dice.oneOf(recordings.sentences), 0, false)], pauses: [] }
    case "hesitant": {
      const recording = dice.oneOf(longSentences(recordings))
      const cuts = new Set<number>()
      for (let left = dice.next() < 0.75 ? 1 : 2; left > 0; left--) {
        const place = hesitation(dice, recording.words)
        if (place !== undefined) cuts.add(place)
      }
      const pieces = cutAfter(
        id,
        recording,
        [...cuts].sort((a, b) => a - b)
      )
      return { pieces, pauses: pieces.slice(1).map(() => innerPauseMs(dice)) }
    }
    case "two sentences":
      return {
        pieces: [whole(dice.oneOf(recordings.sentences), 0, false), whole(dice.oneOf(recordings.sentences), 1, false)],
        pauses: [innerPauseMs(dice)]
      }
    case "yes":
      return { pieces: [whole(recordings.yes, 0, false)], pauses: [] }
    case "number": {
      const groups = [3, 3, 4].map((count, group): Piece => {
        const said = Array.from({ length: count }, () => dice.oneOf(recordings.digits))
        const audio = new Int16Array(said.reduce((sum, digit) => sum + digit.audio.length, 0))
        const words: Array<SpokenWord> = []
        let at = 0
        for (const digit of said) {
          audio.set(digit.audio, at)
          const startMs = at / BYTES_PER_MS
          at += digit.audio.length
          words.push({ word: digit.words[0]?.word ?? "", startMs, endMs: at / BYTES_PER_MS })
        }
        return { id: `${id}.${group}`, audio, words, goesOn: group < 2 }
      })
      return { pieces: groups, pauses: [dice.between(450, 1000), dice.between(450, 1000)] }
    }
    case "barge-in": {
      const spoken = dice.next() < 0.35 ? recordings.stop : dice.oneOf(longSentences(recordings))
      return { pieces: [whole(spoken, 0, false)], pauses: [] }
    }
    case "backchannel": {
      const { audio } = dice.oneOf(recordings.murmurs)
      const words = [wordOver(dice.oneOf(backchannels), audio)]
      return { pieces: [{ id: `${id}.0`, audio, words, goesOn: false }], pauses: [] }
    }
    case "cough":
      return { pieces: [{ id: `${id}.0`, audio: cough(dice), words: [], goesOn: false }], pauses: [] }
    case "silence":
      return { pieces: [], pauses: [] }
  }
}

const lineOf = (dice: Dice, condition: Condition, seed: number): Pick<PlannedCall, "impairments" | "babbleDb"> => {
  const quiet: Impairments = { seed, noise: { kind: "pink", dbfs: -64 } }
  switch (condition) {
    case "quiet":
      return { impairments: quiet, babbleDb: undefined }
    case "pink 10 dB":
      return { impairments: { seed, noise: { kind: "pink", snrDb: 10 } }, babbleDb: undefined }
    case "pink 5 dB":
      return { impairments: { seed, noise: { kind: "pink", snrDb: 5 } }, babbleDb: undefined }
    case "babble 10 dB":
      return { impairments: quiet, babbleDb: -10 }
    case "babble 5 dB":
      return { impairments: quiet, babbleDb: -5 }
    case "echo":
      return {
        impairments: { ...quiet, echo: { levelDb: -dice.between(10, 25), delayMs: dice.between(80, 450) } },
        babbleDb: undefined
      }
  }
}

/** How often each kind of turn comes, in parts. */
const mix: Readonly<Record<TurnKind, number>> = {
  plain: 8,
  hesitant: 8,
  "two sentences": 3,
  yes: 3,
  number: 2,
  "barge-in": 4,
  backchannel: 4,
  cough: 2,
  silence: 2
}

const kindsOf = (dice: Dice, count: number, kinds: ReadonlyArray<TurnKind>): ReadonlyArray<TurnKind> => {
  const bag = kinds.flatMap((kind) => Array.from({ length: mix[kind] }, () => kind))
  // The first turn answers the greeting, which is too short to be spoken over.
  const first = bag.filter((kind) => !isOver(kind) && kind !== "yes" && kind !== "number" && kind !== "silence")
  const chosen: Array<TurnKind> = [dice.oneOf(first)]
  while (chosen.length < count) {
    const next = dice.oneOf(bag)
    const before = chosen[chosen.length - 1]
    // Only a reply can be spoken over, or asked about: not what is left after somebody did.
    const answered = before !== undefined && isAnswered(before)
    if (!answered && (isOver(next) || next === "yes" || next === "number" || next === "silence")) continue
    chosen.push(next)
  }
  return chosen
}

/** What calls are to be like. */
export interface CorpusOptions {
  readonly turns: number
  readonly kinds?: ReadonlyArray<TurnKind>
}

const allKinds = Object.keys(mix) as ReadonlyArray<TurnKind>

/** Plans one call. */
export const planCall = (
  recordings: Recordings,
  condition: Condition,
  seed: number,
  { kinds = allKinds, turns: count }: CorpusOptions
): PlannedCall => {
  const dice = diceOf(seed)
  const chosen = kindsOf(dice, count, kinds)
  const spoken = chosen.map((kind, index) => speak(dice, recordings, kind, `${index}`))
  const turns = chosen.map((kind, index): PlannedTurn => ({
    kind,
    pieces: spoken[index]?.pieces ?? [],
    reply: replyTo(dice, chosen[index + 1])
  }))
  const timeoutMs = 20_000
  const script = turns.flatMap(({ kind, pieces }, index): CallerScript => {
    const said = (piece: Piece) => ({ audio: piece.audio, text: piece.id })
    const [first, ...rest] = pieces
    if (first === undefined) return [listen(300, { timeoutMs }), pause(5500)]
    const pauses = spoken[index]?.pauses ?? []
    const more = rest.flatMap((piece, part): CallerScript => [pause(pauses[part] ?? 0), say(said(piece))])
    if (isOver(kind)) return [interrupt({ afterMs: dice.between(1500, 3500), say: said(first), timeoutMs }), ...more]
    const before = turns[index - 1]?.kind
    // After silence nobody waits for the agent to speak again.
    const wait = before === "silence" ? [] : listen(dice.between(350, 900), { timeoutMs })
    return [wait, say(said(first)), ...more]
  })
  return {
    seed,
    condition,
    greeting: "Hello, this is the front desk. How can I help you today?",
    turns,
    script: [script, listen(400, { timeoutMs }), hangUp],
    ...lineOf(dice, condition, seed)
  }
}
