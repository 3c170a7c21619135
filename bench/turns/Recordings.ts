/** Recorded speech for the benchmark: installed prompts, or our own fixtures where there are none. Each with its words and about when each is said. */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { BYTES_PER_MS } from "../../src/schema/Audio.ts"

/** A word and when it is said, in milliseconds from the recording's first sample. */
export interface SpokenWord {
  readonly word: string
  readonly startMs: number
  readonly endMs: number
}

/** 8 kHz mono PCM that begins and ends with speech, at a level of {@link SPEECH_DB}. */
export interface Recording {
  readonly audio: Int16Array
  readonly words: ReadonlyArray<SpokenWord>
}

/** What there is to say. */
export interface Recordings {
  readonly source: string
  /** Whole sentences, some of several. */
  readonly sentences: ReadonlyArray<Recording>
  /** Digits from 0 to 9. */
  readonly digits: ReadonlyArray<Recording>
  readonly yes: Recording
  readonly stop: Recording
  /** Short sounds of a voice that stand for "mm-hm" and the like. */
  readonly murmurs: ReadonlyArray<Recording>
  /** A long stretch of speech, for the agent's voice. */
  readonly agent: Int16Array
  /** Several talkers at once, with RMS 1. */
  readonly babble: Float32Array
}

/** Level of everything that is said, in dB relative to full scale (RMS while somebody speaks). */
export const SPEECH_DB = -24

/** Where Debian's `asterisk-core-sounds-en-wav` puts its prompts. */
const PROMPTS = "/usr/share/asterisk/sounds/en"

/** Prompts that somebody might say, and their words. */
const prompts: Readonly<Record<string, string>> = {
  "agent-alreadyon": "That agent is already logged on. Please enter your agent number followed by the pound key.",
  "agent-incorrect": "Login incorrect. Please enter your agent number followed by the pound key.",
  "agent-newlocation": "Please enter a new extension, followed by pound.",
  "agent-pass": "Please enter your password followed by the pound key.",
  "all-circuits-busy-now": "All circuits are busy now.",
  "auth-incorrect": "Password incorrect. Please enter your password followed by the pound key.",
  "cannot-complete-as-dialed": "Your call cannot be completed as dialed.",
  "check-number-dial-again": "Please check the number and dial again.",
  "conf-extended": "The conference has been extended.",
  "conf-full": "That conference is full.",
  "conf-getchannel": "Please enter the channel number followed by the pound key.",
  "conf-getpin": "Please enter the conference pin number.",
  "conf-invalid": "That is not a valid conference number. Please try again.",
  "conf-kicked": "You have been kicked from this conference.",
  "conf-leaderhasleft": "The leader has left the conference.",
  "conf-nonextended": "The conference cannot be extended.",
  "conf-onlyone": "There is currently one other participant in the conference.",
  "conf-onlyperson": "You are currently the only person in this conference.",
  "conf-placeintoconf": "You will now be placed into the conference.",
  "conf-roll-callcomplete": "Playback of the list of people attending is complete.",
  "conf-waitforleader": "The conference will begin when the leader arrives.",
  "confbridge-lock-no-join": "The conference is currently locked and cannot be joined.",
  "confbridge-pin-bad": "You have entered too many invalid personal identification numbers.",
  "confbridge-removed": "You have been removed from the conference.",
  "demo-echodone": "The echo test has been completed.",
  "demo-nomatch": "I'm sorry there are no matches for those keywords.",
  "dir-nomatch": "No directory entries match your search.",
  "dir-nomore": "There are no more compatible entries in the directory.",
  "enter-num-blacklist": "Please enter the number to be blacklisted.",
  "feature-not-avail-line": "That feature is not available on this line.",
  "followme/pls-hold-while-try": "Please hold while I try to locate the person you are calling.",
  "followme/sorry": "I'm sorry, but I was unable to locate the person you are calling.",
  "followme/status": "The person you are calling is not at their desk; I will try to locate them for you.",
  invalid: "I am sorry, that's not a valid extension. Please try again.",
  "number-not-answering": "The number is not answering.",
  "please-try-call-later": "Please try your call again later.",
  "pls-hold-while-try": "Please hold while we try to connect you.",
  "priv-introsaved": "Thank you. Please hold, while I attempt to connect you with your party!",
  "privacy-incorrect": "I'm sorry, that number is not valid.",
  "privacy-prompt": "Please enter your phone number, starting with the area code.",
  "privacy-unident": "The party you are trying to reach does not accept unidentified calls.",
  "queue-youarenext": "Your call is now first in line and will be answered by the next available representative.",
  "something-terribly-wrong": "Something is terribly wrong!",
  "speed-dial-empty": "The speed dial entry you've accessed is empty.",
  "ss-noservice": "The number you have dialed is not in service. Please check the number and try again.",
  transfer: "Please hold while I try that extension.",
  "tt-monkeysintro": "They have been carried away by monkeys.",
  "vm-enter-num-to-call": "Please enter the number you wish to call.",
  "vm-invalidpassword": "That is not a valid password. Please try again.",
  "vm-mailboxfull": "Sorry, but the user's mailbox can't accept more messages.",
  "vm-msgforwarded": "Your message has been successfully forwarded.",
  "vm-newpassword": "Please enter your new password followed by the pound key."
}

const digitWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

/** Short words; what they stand for is said elsewhere. */
const murmurs = ["is", "for", "with", "your", "hours", "time"]

const fixtures: Readonly<Record<string, string>> = {
  hello: "Hello there, I would like to book a table for two.",
  question: "What time do you open tomorrow?"
}

/** The samples of a plain 8 kHz mono 16-bit file. */
const readWav = (path: string): Int16Array => {
  const file = readFileSync(path)
  let at = 12
  while (file.toString("latin1", at, at + 4) !== "data") {
    at += 8 + file.readUInt32LE(at + 4)
    if (at + 8 > file.length) throw new Error(`${path}: no audio in it; 8 kHz mono 16-bit PCM was expected`)
  }
  const length = Math.min(file.readUInt32LE(at + 4), file.length - at - 8) >> 1
  return Int16Array.from({ length }, (_, i) => file.readInt16LE(at + 8 + 2 * i))
}

/** Milliseconds in which loudness is looked at. */
const STEP_MS = 10
const STEP = STEP_MS * BYTES_PER_MS

/** How far below the loud parts a sound is still speech, in dB. */
const SPEECH_RANGE_DB = 28

const loudness = (audio: Int16Array): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(audio.length / STEP) }, (_, n) => {
    let sum = 0
    for (let i = n * STEP; i < (n + 1) * STEP; i++) sum += audio[i]! ** 2
    return 10 * Math.log10(sum / STEP / 32768 ** 2 + 1e-10)
  })

/** Which steps are speech. */
const voicing = (audio: Int16Array): ReadonlyArray<boolean> => {
  const db = loudness(audio)
  const loud = [...db].sort((a, b) => b - a)[Math.floor(db.length / 10)] ?? 0
  return db.map((level) => level > loud - SPEECH_RANGE_DB)
}

/** From the first sound of speech to the last one, at the level of all speech. */
const normalise = (audio: Int16Array): Int16Array => {
  const voiced = voicing(audio)
  const cut = audio.subarray(Math.max(0, voiced.indexOf(true)) * STEP, (voiced.lastIndexOf(true) + 1) * STEP)
  const on = voicing(cut)
  let sum = 0
  let count = 1
  for (const [n, is] of on.entries()) {
    if (!is) continue
    for (let i = n * STEP; i < (n + 1) * STEP; i++) sum += cut[i]! ** 2
    count += STEP
  }
  const gain = (32768 * 10 ** (SPEECH_DB / 20)) / Math.sqrt(sum / count)
  return cut.map((sample) => Math.max(-32768, Math.min(32767, Math.round(sample * gain))))
}

/** Silence this long, in steps, is a pause between words. */
const PAUSE_STEPS = 12

const wordsIn = (text: string): ReadonlyArray<string> => text.split(/\s+/u).filter((word) => word !== "")

/** Says words evenly, letter by letter, in the stretches of speech, jumping over pauses. */
const alignEvenly = (
  words: ReadonlyArray<string>,
  voiced: ReadonlyArray<boolean>,
  from: number
): ReadonlyArray<SpokenWord> => {
  const steps: Array<number> = []
  let run = 0
  for (const [n, is] of voiced.entries()) {
    run = is ? 0 : run + 1
    if (run < PAUSE_STEPS) steps.push(n)
    if (run === PAUSE_STEPS) steps.splice(steps.length - PAUSE_STEPS + 1, PAUSE_STEPS - 1)
  }
  const letters = words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "").length + 1)
  const all = letters.reduce((sum, count) => sum + count, 0)
  let before = 0
  const timeOf = (done: number): number =>
    (from + (steps[Math.min(steps.length - 1, Math.round((done / all) * steps.length))] ?? 0)) * STEP_MS
  return words.map((word, index) => {
    const startMs = timeOf(before)
    before += letters[index] ?? 0
    return { word, startMs, endMs: timeOf(before) }
  })
}

/** Finds when each word is said, as well as loudness tells: sentences by the longest pauses, words evenly within. */
const align = (audio: Int16Array, text: string): ReadonlyArray<SpokenWord> => {
  const voiced = voicing(audio)
  const sentences = text.split(/(?<=[.!?;])\s+/u)
  const pauses: Array<{ readonly from: number; readonly length: number }> = []
  let from = 0
  for (const [n, is] of voiced.entries()) {
    if (!is) continue
    if (n - from > PAUSE_STEPS) pauses.push({ from, length: n - from })
    from = n + 1
  }
  if (pauses.length < sentences.length - 1) return alignEvenly(wordsIn(text), voiced, 0)
  const breaks = pauses
    .toSorted((a, b) => b.length - a.length)
    .slice(0, sentences.length - 1)
    .toSorted((a, b) => a.from - b.from)
  return sentences.flatMap((sentence, index) => {
    const before = breaks[index - 1]
    const start = before === undefined ? 0 : before.from + before.length
    const end = breaks[index]?.from ?? voiced.length
    return alignEvenly(wordsIn(sentence), voiced.slice(start, end), start)
  })
}

const record = (audio: Int16Array, text: string): Recording => {
  const speech = normalise(audio)
  return { audio: speech, words: align(speech, text) }
}

/** One thing after another, with a short breath between. */
const joined = (parts: ReadonlyArray<Int16Array>): Int16Array => {
  const breath = 150 * BYTES_PER_MS
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length + breath, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length + breath
  }
  return all
}

const TALKERS = 7

/** Talkers who each say everything there is, beginning at different places. */
const babbleOf = (speech: Int16Array): Float32Array => {
  const mixed = Float32Array.from(speech, (_, n) => {
    let sum = 0
    for (let k = 0; k < TALKERS; k++) sum += speech[(n + Math.round((k * speech.length) / TALKERS)) % speech.length]!
    return sum
  })
  const power = mixed.reduce((sum, sample) => sum + sample * sample, 0) / mixed.length
  return mixed.map((sample) => sample / Math.sqrt(power))
}

const fixture = (name: string): Int16Array =>
  readWav(fileURLToPath(new URL(`../../test/fixtures/speech/${name}.wav`, import.meta.url)))

/** Everything that there is to say on this machine, or only what the project brings. */
export const loadRecordings = (from: "installed" | "fixtures" = "installed"): Recordings => {
  const yes = record(fixture("yes"), "Yes.")
  const stop = record(fixture("stop"), "Wait, stop.")
  if (from === "fixtures" || !existsSync(`${PROMPTS}/digits/0.wav`)) {
    const sentences = Object.entries(fixtures).map(([name, text]) => record(fixture(name), text))
    const short = yes.audio.subarray(0, 300 * BYTES_PER_MS)
    const agent = joined([...sentences, stop].map(({ audio }) => audio))
    return {
      source: "the project's fixtures",
      sentences,
      digits: digitWords.map((word, n) => record(fixture("yes").subarray(0, (260 + 12 * n) * BYTES_PER_MS), word)),
      yes,
      stop,
      murmurs: [{ audio: short, words: [] }],
      agent,
      babble: babbleOf(joined([agent, agent.toReversed()]))
    }
  }
  const load = (name: string): Int16Array => readWav(`${PROMPTS}/${name}.wav`)
  const sentences = Object.entries(prompts).flatMap(([name, text]) =>
    existsSync(`${PROMPTS}/${name}.wav`) ? [record(load(name), text)] : []
  )
  const speech = joined(sentences.map(({ audio }) => audio))
  return {
    source: `${sentences.length} recorded prompts`,
    sentences,
    digits: digitWords.map((word, n) => record(load(`digits/${n}`), word)),
    yes,
    stop,
    murmurs: murmurs.map((name) => ({ audio: normalise(load(name)), words: [] })),
    agent: speech,
    babble: babbleOf(speech)
  }
}
