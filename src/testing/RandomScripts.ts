/** A seed in, a call to simulate out: what the caller does, how the services behave and what is wrong with the line. Pure; the same seed gives the same call. */
import { Effect, Layer, Schema } from "effect"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { type FailureReason } from "../schema/Errors.ts"
import { CallTools, fromToolkit } from "../services/CallTools.ts"
import { hangUp, interrupt, listen, pause, press, reset, say, type CallerScript } from "./CallerScript.ts"
import { draw } from "./Draws.ts"
import { type Impairments } from "./Impairments.ts"
import { type LanguageModelFault, type LanguageModelReply } from "./ScriptedLanguageModel.ts"
import { type SpeechToTextAnswer, type SpeechToTextFault } from "./ScriptedSpeechToText.ts"
import { type TextToSpeechAnswer, type TextToSpeechFault } from "./ScriptedTextToSpeech.ts"
import { type SimulationOptions } from "./Simulation.ts"
import { spoken } from "./WordSound.ts"

/** What may happen in the calls that are made. */
export interface RandomScriptOptions {
  /** Share of calls, 0 to 1, in which services fail; half by default. */
  readonly faults?: number
  /** Share of calls, 0 to 1, on a bad line; a third by default. */
  readonly badLines?: number
}

/** A call that was made up. */
export interface RandomCall {
  readonly seed: number
  readonly options: SimulationOptions
  /** What is in it, for a person. */
  readonly about: ReadonlyArray<string>
  /** Whether everything the caller says can be recognised, in time. */
  readonly recognisable: boolean
}

/** Choices that depend on nothing but their seed and the order they are asked for in. */
interface Dice {
  /** Uniform, 0 or more and less than 1. */
  readonly next: () => number
  readonly chance: (share: number) => boolean
  /** A whole number, both ends included. */
  readonly between: (from: number, to: number) => number
  readonly oneOf: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
}

const LANE = 100

/** Choices that came later: they leave the others what they were. */
const LATER_LANE = 101

const diceOf = (seed: number, lane = LANE): Dice => {
  let asked = 0
  const next = (): number => draw(seed, lane, asked++)
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    chance: (share) => next() < share,
    between,
    oneOf: (choices) => choices[between(0, choices.length - 1)] ?? choices[0]
  }
}

const syllables = [..."bdfgklmnprstvz"].flatMap((onset) => [..."aeiou"].map((vowel) => onset + vowel))

/** A word that means nothing, another one for each number. */
const wordOf = (number: number): string => {
  let word = ""
  for (let rest = number; word === "" || rest > 0; rest = Math.floor(rest / syllables.length)) {
    word += syllables[rest % syllables.length]
  }
  return word
}

/** Sentences of words that are never said again. */
const makeTongue = (dice: Dice, first: number) => {
  let said = first
  return (least: number, most: number, sentences: number): string =>
    Array.from({ length: sentences }, () => {
      const words = Array.from({ length: dice.between(least, most) }, () => wordOf(said++)).join(" ")
      return words.charAt(0).toUpperCase() + words.slice(1) + dice.oneOf([".", ".", "?", "!"])
    }).join(" ")
}

type Tongue = ReturnType<typeof makeTongue>

const backchannels = ["mm-hm", "yeah", "uh-huh"] as const

/** Something a caller does, and a name for it. */
const move = (dice: Dice, speak: Tongue): readonly [name: string, steps: CallerScript] => {
  const timeoutMs = 9000
  const sentence = () => spoken(speak(1, 7, 1))
  const choices: readonly [
    () => readonly [string, CallerScript],
    ...ReadonlyArray<() => readonly [string, CallerScript]>
  ] = [
    () => ["answers when the agent is done", [listen(dice.between(200, 600), { timeoutMs }), say(sentence())]],
    () => ["answers when the agent is done", [listen(dice.between(200, 600), { timeoutMs }), say(sentence())]],
    () => ["interrupts", [interrupt({ afterMs: dice.between(50, 2500), say: sentence(), timeoutMs })]],
    () => ["interrupts", [interrupt({ afterMs: dice.between(50, 2500), say: sentence(), timeoutMs })]],
    () => ["speaks when it likes", [pause(dice.between(0, 2500)), say(sentence())]],
    () => [
      "hesitates",
      [
        listen(300, { timeoutMs }),
        say(spoken(speak(1, 3, 1).slice(0, -1))),
        pause(dice.between(100, 1200)),
        say(sentence())
      ]
    ],
    () => ["says several sentences", [listen(300, { timeoutMs }), say(spoken(speak(1, 4, dice.between(2, 3))))]],
    () => [
      "agrees",
      [interrupt({ afterMs: dice.between(100, 1500), say: spoken(dice.oneOf(backchannels)), timeoutMs })]
    ],
    () => ["presses keys", [listen(200, { timeoutMs }), press(dice.oneOf(["1", "42#", "0", "77"])), pause(1800)]],
    () => ["is silent", [pause(dice.between(2000, 5000))]]
  ]
  return dice.oneOf(choices)()
}

const serviceReasons = ["Unreachable", "RateLimited", "Rejected", "Overloaded", "Disconnected", "Stalled"] as const

/** A list in which a few positions hold something, made for each of them. */
const sparse = <A>(dice: Dice, length: number, share: number, make: () => A): ReadonlyArray<A | undefined> =>
  Array.from({ length }, () => (dice.chance(share) ? make() : undefined))

const speechToTextAnswer = (dice: Dice): SpeechToTextAnswer => {
  const reason: FailureReason = dice.oneOf(serviceReasons)
  const fault = dice.oneOf<SpeechToTextFault | undefined>([
    undefined,
    { kind: "empty" },
    { kind: "hang" },
    { kind: "twice" },
    { kind: "fail", reason }
  ])
  const delayMs = dice.between(0, 2500)
  return fault === undefined ? { delayMs } : { delayMs, fault }
}

const textToSpeechAnswer = (dice: Dice): TextToSpeechAnswer => {
  const reason: FailureReason = dice.oneOf(serviceReasons)
  const afterMs = dice.between(0, 800)
  const fault = dice.oneOf<TextToSpeechFault | undefined>([
    undefined,
    { kind: "fail", reason, afterMs },
    { kind: "hang", afterMs },
    { kind: "no end" },
    { kind: "silent" }
  ])
  const firstByteMs = dice.between(0, 1500)
  return fault === undefined ? { firstByteMs } : { firstByteMs, fault }
}

const languageModelFault = (dice: Dice): LanguageModelFault => {
  const afterTokens = dice.between(0, 12)
  return dice.oneOf<LanguageModelFault>([
    { kind: "hang" },
    { kind: "refuse" },
    { kind: "error", afterTokens },
    { kind: "stall", afterTokens },
    { kind: "cut", afterTokens }
  ])
}

const replies = (dice: Dice, speak: Tongue, faults: boolean): ReadonlyArray<LanguageModelReply> =>
  Array.from({ length: 12 }, (): LanguageModelReply => {
    const reply = {
      text: speak(1, 8, dice.between(1, 3)),
      firstTokenMs: dice.between(20, 700),
      tokensPerSecond: dice.between(15, 120)
    }
    return faults && dice.chance(0.3) ? { ...reply, fault: languageModelFault(dice) } : reply
  })

const LookUp = Tool.make("LookUp", {
  description: "Looks something up",
  parameters: Schema.Struct({ ms: Schema.Finite, works: Schema.Boolean }),
  success: Schema.String,
  failure: Schema.String
})
const toolkit = Toolkit.make(LookUp)

/** The tool of made-up calls: takes as long as it is asked to, and fails if it is asked to. */
const tools: Layer.Layer<never> = Layer.effect(CallTools, Effect.map(toolkit, fromToolkit)).pipe(
  Layer.provide(
    toolkit.toLayer({
      LookUp: ({ ms, works }) =>
        Effect.andThen(Effect.sleep(ms), works ? Effect.succeed("found") : Effect.fail("nothing to be found"))
    })
  )
)

/** Lets some of the replies use a tool and go on after that. */
const withTools = (
  replies: ReadonlyArray<LanguageModelReply>,
  dice: Dice,
  speak: Tongue,
  faults: boolean
): ReadonlyArray<LanguageModelReply> =>
  replies.map((reply) => {
    if (reply.fault !== undefined || !dice.chance(0.3)) return reply
    const params = { ms: dice.between(50, 4000), works: !faults || dice.chance(0.7) }
    return { ...reply, calls: [{ name: LookUp.name, params }], then: { text: speak(1, 6, 1) } }
  })

const badLine = (dice: Dice): readonly [names: ReadonlyArray<string>, impairments: Impairments] => {
  const kinds: ReadonlyArray<readonly [string, () => Impairments]> = [
    ["jitter", () => ({ jitter: { maxMs: dice.between(5, 60) } })],
    ["bursts", () => ({ bursts: { everyMs: dice.between(1500, 5000), holdMs: dice.between(60, 500) } })],
    ["lost frames", () => ({ loss: { rate: 0.01 + 0.04 * dice.next(), meanRun: dice.between(1, 3) } })],
    ["repeated frames", () => ({ duplicates: { rate: 0.05 } })],
    ["late marks", () => ({ marks: { delayMs: dice.between(10, 250) } })],
    ["lost marks", () => ({ marks: { lossRate: 0.3, duplicateRate: 0.2 } })],
    ["echo", () => ({ echo: { levelDb: -dice.between(20, 35), delayMs: dice.between(20, 200) } })],
    [
      "noise",
      () => ({ noise: { kind: dice.oneOf(["white", "pink", "babble"] as const), snrDb: dice.between(12, 25) } })
    ],
    ["another clock", () => ({ clockSkewPpm: dice.between(-200, 200) })]
  ]
  const chosen = kinds.filter(() => dice.chance(0.25))
  const names = chosen.map(([name]) => name)
  return [names, Object.assign({}, ...chosen.map(([, make]) => make())) as Impairments]
}

/** Makes a call up. */
export const randomCall = (seed: number, options: RandomScriptOptions = {}): RandomCall => {
  const dice = diceOf(seed)
  const caller = makeTongue(dice, 0)
  const agent = makeTongue(dice, 1000)
  const faults = dice.chance(options.faults ?? 0.5)
  const [lineNames, impairments] = dice.chance(options.badLines ?? 1 / 3) ? badLine(dice) : [[], {}]
  const moves = Array.from({ length: dice.between(1, 4) }, () => move(dice, caller))
  const ending = dice.oneOf<readonly [string, CallerScript]>([
    ["hears the agent out and hangs up", [listen(400, { timeoutMs: 16_000 }), hangUp]],
    ["waits and hangs up", [pause(dice.between(0, 7000)), hangUp]],
    ["is lost", [pause(dice.between(0, 3000)), reset]]
  ])
  const later = diceOf(seed, LATER_LANE)
  const tooled = later.chance(0.2)
  const disturbed = impairments.noise !== undefined || impairments.echo !== undefined
  const interimEveryMs = dice.oneOf([undefined, 250, 600])
  const plain = replies(dice, agent, faults)
  return {
    seed,
    about: [
      ...moves.map(([name]) => name),
      ending[0],
      ...(faults ? ["services fail"] : []),
      ...(tooled ? ["uses tools"] : []),
      ...lineNames.map((name) => `line: ${name}`)
    ],
    recognisable: !faults && lineNames.length === 0,
    options: {
      seed,
      script: [...moves.map(([, steps]) => steps), ending[1]],
      impairments,
      services: {
        languageModel: {
          replies: tooled ? withTools(plain, later, makeTongue(later, 5000), faults) : plain
        },
        speechToText: {
          delayMs: dice.between(20, 600),
          ...(interimEveryMs === undefined ? {} : { interimEveryMs, rewrites: later.chance(0.5) }),
          ...(faults ? { answers: sparse(dice, 12, 0.25, () => speechToTextAnswer(dice)) } : {})
        },
        textToSpeech: {
          sampleRate: 8000,
          firstByteMs: dice.between(20, 400),
          realTimeFactor: 0.02 + 0.5 * dice.next(),
          ...(faults ? { sentences: sparse(dice, 30, 0.12, () => textToSpeechAnswer(dice)) } : {})
        },
        voiceActivity: {
          source: disturbed ? "truth" : "energy",
          ...(faults && dice.chance(0.2)
            ? { failures: [{ from: dice.between(0, 100), to: dice.between(100, 300) }] }
            : {}),
          ...(faults && later.chance(0.1) ? { unavailable: true } : {})
        },
        keptSpeech: !faults || later.chance(0.8)
      },
      ...(tooled ? { layer: tools } : {})
    }
  }
}
