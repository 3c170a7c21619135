/** How the speech emulator says one item: its audio in deltas at the script's pace, its end, and its faults. */
import { Clock, Effect } from "effect"
import { TTS_RATE } from "../schema/TogetherTts.ts"
import { type TtsEmulatorScript, TtsEvent, type TtsItem, type TtsItemFault } from "./TtsScript.ts"
import { audioOf, cutUp, firstAudioOf } from "./TtsSynthesis.ts"

/** What the service would not say in these words, but might in others. */
export const strange: ReadonlyArray<string> = [
  JSON.stringify({ type: "conversation.item.input_text.received", text: 7 }),
  JSON.stringify({ type: "conversation.item.word_timestamps", words: null, start_seconds: [], end_seconds: [] }),
  JSON.stringify({ type: "conversation.item.audio_output.delta", item_id: "tts_0" }),
  JSON.stringify(["not", "an", "object"]),
  "not JSON"
]

const REAL_TIME_FACTOR = 0.02

/** Synthesis that is not waited for, in milliseconds: timers are not more exact. */
const PACE_MS = 2

/** What a connection speaks with. */
export interface TtsVoice {
  readonly script: TtsEmulatorScript
  readonly connection: number
  readonly record: (event: TtsEvent) => Effect.Effect<void>
  /** Numbers the next item; connections share the numbers. */
  readonly nextItem: () => number
  readonly frames: (frame: string | Uint8Array) => Effect.Effect<void>
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  readonly hangUp: (code: number) => Effect.Effect<void>
  readonly cut: Effect.Effect<void>
}

/** What an item is made of. `first` says that it is the first of its connection. */
export interface Piece {
  readonly text: string
  readonly itemId: string | undefined
  readonly first: boolean
}

const ITEM = "conversation.item"

/** Fields that say what a message is about, as far as the script lets it say that. */
const about = ({ contextIds = "all" }: TtsEmulatorScript, context: string, { itemId }: Piece, isDone = false) => ({
  ...(itemId === undefined ? {} : { item_id: itemId }),
  ...(contextIds === "all" || (contextIds === "not done" && !isDone) ? { context_id: context } : {})
})

/** How much of an item's audio is sent before its fault, in milliseconds. */
const limitMs = (fault: TtsItemFault | undefined): number =>
  fault === undefined || fault._tag === "NoDone" || fault._tag === "Silent" ? Infinity : (fault.afterMs ?? 0)

const finish = (
  voice: TtsVoice,
  context: string,
  piece: Piece,
  fault: TtsItemFault | undefined
): Effect.Effect<void> => {
  switch (fault?._tag) {
    case undefined:
    case "Silent":
      return voice.say({ type: `${ITEM}.audio_output.done`, ...about(voice.script, context, piece, true) })
    case "NoDone":
      return Effect.void
    case "Fail":
      return voice.say({ type: `${ITEM}.tts.failed`, ...about(voice.script, context, piece), error: fault.error })
    case "Error":
      return voice.say({ type: "error", error: fault.error })
    case "Close":
      return voice.hangUp(fault.code)
    case "Cut":
      return voice.cut
    case "Stall":
      return Effect.never
  }
}

/** Says an item to its end. `hold` is given what is still to be sent, again and again. Never ends if it stalls. */
export const speakItem = Effect.fnUntraced(function* (
  voice: TtsVoice,
  context: string,
  piece: Piece,
  hold: (left: ReadonlyArray<Effect.Effect<void>>) => void
) {
  const { connection, record, script } = voice
  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const item: TtsItem = { number: voice.nextItem(), connection, context, text: piece.text }
  const fault = script.itemFault?.(item)
  yield* record(TtsEvent.Began({ connection, context, item: item.number, text: item.text }))
  yield* firstAudioOf(script, item)
  if (script.strangeMessages === true) yield* Effect.forEach(strange, voice.frames, { discard: true })

  const bytes = fault?._tag === "Silent" ? [] : cutUp(script, audioOf(script, item), piece.first)
  const deltas = bytes.map((delta) =>
    Effect.suspend(() =>
      Effect.andThen(
        script.binary === true
          ? voice.frames(delta)
          : voice.say({
              type: `${ITEM}.audio_output.delta`,
              ...about(script, context, piece),
              delta: Buffer.from(delta).toString("base64")
            }),
        record(TtsEvent.Delta({ connection, context, item: item.number, bytes: delta.length }))
      )
    )
  )
  const startMs = nowMs()
  const limit = limitMs(fault)
  let sentMs = 0
  hold(deltas)
  for (const [i, delta] of deltas.entries()) {
    if (sentMs >= limit) break
    hold(deltas.slice(i + 1))
    yield* delta
    sentMs += ((bytes[i]?.length ?? 0) * 500) / (script.sampleRate ?? TTS_RATE)
    const aheadMs = startMs + sentMs * (script.realTimeFactor ?? REAL_TIME_FACTOR) - nowMs()
    if (aheadMs >= PACE_MS) yield* Effect.sleep(aheadMs)
  }
  yield* finish(voice, context, piece, fault)
  hold([])
  yield* record(TtsEvent.Spoken({ connection, context, item: item.number }))
})
