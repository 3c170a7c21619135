/** The sandbox's script: a conversation in, what the guide says next out. Pure; there is no language model in it, and it says so. */
import { type Persona } from "../schema/Persona.ts"
import { aboutSeconds, numberWords, readNumber } from "./SandboxNumbers.ts"
import { readTurn } from "./SandboxTranscript.ts"

/** Who answers the phone in the sandbox. The greeting does not pretend to be anybody else. */
export const sandboxPersona: Persona = {
  id: "sandbox",
  name: "Sandbox guide",
  prompt: "You are a scripted guide. There is no language model to read this.",
  greeting:
    "Hello, this is the Parley sandbox. I am a small script, and I cannot make out words. " +
    "Say something anyway, press a key, or type."
}

/** Something that was said: by the caller as recognised, by the agent as heard. */
export interface GuideMessage {
  readonly role: "user" | "assistant"
  readonly text: string
}

/** What the guide knows of a conversation. */
export interface GuideState {
  /** What it said to the latest words. */
  readonly planned: string
  /** The caller did not hear all of what was said last. */
  readonly cutShort: boolean
  readonly interruptions: number
  /** Turns in which the caller spoke, and for how long in all, in seconds. */
  readonly spoke: { readonly turns: number; readonly seconds: number }
  /** Explanations given. */
  readonly tips: number
}

/** Nothing was said but the greeting. */
export const initial: GuideState = {
  planned: sandboxPersona.greeting,
  cutShort: false,
  interruptions: 0,
  spoke: { turns: 0, seconds: 0 },
  tips: 0
}

const HIGHEST_COUNT = 30

const explanations: readonly [string, ...ReadonlyArray<string>] = [
  "Press one and I will count; talk while I do, and I will stop.",
  "I listen all the time, also while I speak, so you need not wait for a beep.",
  "A short pause does not end your turn; take a breath and go on.",
  "If you cut me off, I remember only what you really heard.",
  "My voice is made on this machine, and no other service is asked for anything.",
  "Press two, and I will tell you how much you have spoken so far.",
  "Press some keys, and I will read them back to you.",
  "With a Together AI key, a real model hears your words and answers them."
]

const help =
  "I answer the phone, notice when you begin and end speaking, and stop talking when you interrupt me. " +
  "Press one and I count to thirty. Press two and I tell you how much you have spoken. " +
  "Whatever you type, I repeat. " +
  "There is no language model here, so I cannot answer freely; with a Together AI key, a real one takes my place."

const noWords = "What you said I cannot tell: I have no ears for words in the sandbox."

const noModel = "I can only repeat it, for there is no language model here."

const goodbye = "Thank you for trying the sandbox. Goodbye!"

const count = (upTo: number): string =>
  `I count to ${numberWords(upTo)}. Interrupt me whenever you like. ${Array.from({ length: upTo }, (_, i) => {
    const word = numberWords(i + 1)
    return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}.`
  }).join(" ")}`

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${numberWords(n)} times`)

const report = ({ interruptions, spoke }: GuideState): string =>
  spoke.turns === 0
    ? "I have not heard you speak yet. Say something, and I will tell you for how long."
    : `So far you spoke ${times(spoke.turns)}, for ${aboutSeconds(spoke.seconds)} in all, ` +
      `and ${interruptions === 0 ? "you did not interrupt me" : `you interrupted me ${times(interruptions)}`}.`

const keyNames: Readonly<Record<string, string>> = { "*": "star", "#": "pound" }

const keyName = (key: string): string =>
  keyNames[key] ?? (/\d/.test(key) ? numberWords(Number(key)) : key.toUpperCase())

const pressed = /^\(The caller pressed ([\dA-D*# ]+)\)$/i

/** The caller's typed words as they are said back: not longer than anybody wants to hear. */
const quoted = (text: string): string => {
  const short = text.length <= 200 ? text : `${text.slice(0, 200).replace(/\s+\S*$/, "")}, and so on`
  return /[.!?]$/.test(short) ? short : `${short}.`
}

/** What somebody who types may ask for; the first that fits is answered. */
const commands: ReadonlyArray<readonly [RegExp, (words: string, state: GuideState) => string]> = [
  [
    /\bcount\b/i,
    (words) => {
      const asked = readNumber(
        /\bto\s+(\d+|[a-z]+(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)/i.exec(words)?.[1] ?? ""
      )
      return count(asked === undefined || asked < 1 ? HIGHEST_COUNT : Math.min(asked, HIGHEST_COUNT))
    }
  ],
  [/\bhow (?:long|much|often) (?:did|have) i\b|\bdid (?:you hear|i interrupt)/i, (_, state) => report(state)],
  [
    /\b(help|what can you do|what do you do|who are you|what are you|what is this|how does (this|it) work)\b/i,
    () => help
  ],
  [/\b(bye|goodbye|good night|hang up|that is all|that's all)\b/i, () => goodbye]
]

type Answer = readonly [state: GuideState, words: string]

const withTip = (state: GuideState, words: string): Answer => [
  { ...state, tips: state.tips + 1 },
  `${words} ${explanations[state.tips % explanations.length] ?? explanations[0]}`
]

const answerKeys = (state: GuideState, keys: ReadonlyArray<string>): Answer => {
  const readBack = `You pressed ${keys.map(keyName).join(", ")}.`
  switch (keys.filter((key) => key !== "#").join("")) {
    case "1":
      return [state, `${readBack} ${count(HIGHEST_COUNT)}`]
    case "2":
      return [state, `${readBack} ${report(state)}`]
    case "3":
      return [state, `${readBack} ${help}`]
    default:
      return withTip(state, readBack)
  }
}

const answerSpeech = (state: GuideState, stretches: ReadonlyArray<number>): Answer => {
  const pauses = stretches.length - 1
  const paused = pauses === 0 ? "" : pauses === 1 ? ", with a pause in between" : `, with ${numberWords(pauses)} pauses`
  const interrupted = state.cutShort ? ", and you interrupted me" : ""
  const heard = `I heard you speak for ${aboutSeconds(total(stretches))}${paused}${interrupted}.`
  return withTip(state, state.spoke.turns === 1 ? `${heard} ${noWords}` : heard)
}

const total = (stretches: ReadonlyArray<number>): number => stretches.reduce((sum, stretch) => sum + stretch, 0)

const countSpeech = ({ seconds, turns }: GuideState["spoke"], stretches: ReadonlyArray<number>): GuideState["spoke"] =>
  stretches.length === 0 ? { seconds, turns } : { seconds: seconds + total(stretches), turns: turns + 1 }

const answer = (before: GuideState, words: string): Answer => {
  const keys = pressed.exec(words.trim())?.[1]
  if (keys !== undefined) return answerKeys(before, keys.trim().split(/\s+/))
  const { speech, text } = readTurn(words)
  const state = { ...before, spoke: countSpeech(before.spoke, speech) }
  if (text === "") return speech.length === 0 ? [state, help] : answerSpeech(state, speech)
  const command = commands.find(([asksFor]) => asksFor.test(text))?.[1]
  return command === undefined ? withTip(state, `You typed: ${quoted(text)} ${noModel}`) : [state, command(text, state)]
}

/** Letters and digits only: what is left of a text when it has been made speakable and cut into sentences. */
const essence = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

/** Whether less was heard than was said; of what the guide did not say itself, the end of a sentence is the end. */
const isCutShort = (planned: string, heard: string): boolean => {
  const [all, part] = [essence(planned), essence(heard)]
  return all.startsWith(part) && part !== "" ? all.length > part.length : !/[.!?]["')\]]*$/.test(heard.trim())
}

/** The conversation goes on by one message. */
export const step = (state: GuideState, message: GuideMessage): GuideState => {
  if (message.role === "assistant") {
    const cutShort = isCutShort(state.planned, message.text)
    return { ...state, planned: "", cutShort, interruptions: state.interruptions + (cutShort ? 1 : 0) }
  }
  const [next, planned] = answer(state, message.text)
  return { ...next, planned, cutShort: false }
}

/** What the guide says after these messages; the same for the same messages. */
export const nextWords = (messages: ReadonlyArray<GuideMessage>): string => {
  const { planned } = messages.reduce(step, initial)
  return planned === "" ? help : planned
}
