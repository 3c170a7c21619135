/** Everything that bears on a call's turns in, one thing after the other: turn-taking decides, and what it decides is carried out before the next. Owns no decision and nothing of how it is carried out. */
import { Effect, Queue } from "effect"
import { type VoiceWindow } from "../schema/Audio.ts"
import { type TurnInput, type TurnOutput } from "../schema/Turn.ts"
import { type TurnSettings } from "../schema/TurnSettings.ts"
import * as TurnTaking from "./TurnTaking.ts"

/** What is done with what comes in and with what is decided about it. */
export interface CallInboxOptions {
  readonly turns: TurnSettings
  /** Has recognition hear a window; `Effect.void` itself where that is done at once. */
  readonly hear: (window: VoiceWindow) => Effect.Effect<void>
  /**
   * The reply that speaks is over: run before what is decided about it. `guessed`: it was made on a guess and came to
   * nothing, so it answers nothing that was said.
   */
  readonly onOver: (epoch: number, guessed: boolean) => Effect.Effect<void>
  /** Carries out one decision; must not wait for the network. */
  readonly perform: (output: TurnOutput) => Effect.Effect<void>
}

/** The inbox of one call. Mutable. */
export interface CallInbox {
  /** Puts in something that bears on turns. */
  readonly put: (input: TurnInput) => void
  /** The same as an effect. */
  readonly offer: (input: TurnInput) => Effect.Effect<void>
  /** Puts in something to be run before what comes after it. */
  readonly putFirst: (first: Effect.Effect<void>) => void
  /**
   * Judges a scored window on the spot if nothing else is being decided, else when its turn comes. Nearly always nothing
   * comes of it, and then the consumer is not even woken.
   */
  readonly putWindow: (window: VoiceWindow, probability: number) => void
  /** What turn-taking knows now. */
  readonly state: () => TurnTaking.TurnTakingState
  /** Takes out what comes in, for as long as it runs. */
  readonly run: Effect.Effect<never>
}

/**
 * What the consumer takes in: something to be done before what comes after it, and what was decided; or something that
 * bears on turns, with the audio it was heard in.
 */
type Arrival =
  | { readonly first: Effect.Effect<void>; readonly outputs: ReadonlyArray<TurnOutput> }
  | { readonly input: TurnInput; readonly window: VoiceWindow | undefined }

/** An empty inbox. */
export const makeCallInbox = Effect.fnUntraced(function* (options: CallInboxOptions): Effect.fn.Return<CallInbox> {
  const { hear, onOver, perform } = options
  const decide = TurnTaking.step(options.turns)
  let turns = TurnTaking.initial

  const arrivals = yield* Queue.unbounded<Arrival>()
  /** The consumer waits, and nothing waits for it: what comes next may be judged where it comes in. */
  let idle = false
  const arrive = (arrival: Arrival): void => {
    idle = false
    Queue.offerUnsafe(arrivals, arrival)
  }

  /** Decides; what is to be done about it comes out. */
  const judge = (input: TurnInput): ReadonlyArray<TurnOutput> => {
    const [next, outputs] = decide(turns, input)
    turns = next
    return outputs
  }

  const put = (input: TurnInput): void => arrive({ input, window: undefined })

  const putWindow = (window: VoiceWindow, probability: number): void => {
    const input: TurnInput = { _tag: "Voice", atMs: window.atMs, probability }
    if (!idle) return arrive({ input, window })
    const first = hear(window)
    const outputs = judge(input)
    if (first !== Effect.void || outputs.length > 0) arrive({ first, outputs })
  }

  /** Does what was decided, one thing after the other. */
  const carryOut = (outputs: ReadonlyArray<TurnOutput>): Effect.Effect<void> =>
    outputs.length === 0 ? Effect.void : Effect.forEach(outputs, perform, { discard: true })

  const take = Effect.fnUntraced(function* (arrival: Arrival) {
    if ("first" in arrival) {
      yield* arrival.first
      return yield* carryOut(arrival.outputs)
    }
    const { input, window } = arrival
    if (window !== undefined) yield* hear(window)
    const current = input._tag === "Finished" && turns.reply?.epoch === input.epoch
    const guessed = turns.reply?.phase === "speculative"
    const outputs = judge(input)
    if (current) yield* onOver(input.epoch, guessed)
    yield* carryOut(outputs)
  })

  const takeAll = (all: ReadonlyArray<Arrival>) =>
    Effect.map(Effect.forEach(all, take, { discard: true }), () => {
      idle = Queue.sizeUnsafe(arrivals) === 0
    })

  return {
    put,
    offer: (input) => Effect.sync(() => put(input)),
    putFirst: (first) => arrive({ first, outputs: [] }),
    putWindow,
    state: () => turns,
    run: Effect.forever(Effect.flatMap(Queue.takeAll(arrivals), takeAll), { disableYield: true })
  }
})
