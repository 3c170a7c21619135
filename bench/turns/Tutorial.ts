/** The rule ours is measured against, as an agent: 500 ms of silence end a turn, then recognition, model and voice one after the other; three loud windows interrupt. Deaf while it thinks. */
import { Effect, Fiber, Queue, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { type VoiceWindow, WINDOW_MS } from "../../src/schema/Audio.ts"
import { tutorialTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { SpeechToText } from "../../src/services/SpeechToText.ts"
import { TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { decodeFrames } from "../../src/streams/DecodeFrames.ts"
import * as Frames from "../../src/streams/Frames.ts"
import { decodeMulawBase64 } from "../../src/streams/Mulaw.ts"
import { speechToLine } from "../../src/streams/SpeechToLine.ts"
import * as VoiceWindows from "../../src/streams/VoiceWindows.ts"

const { bargeIn, minSpeechMs, silenceDurationMs, speechEndProb, speechStartProb } = tutorialTurnSettings

/** A sentence is over at its stop, once something follows it. */
const sentences = Stream.mapAccum(
  () => "",
  (buffer: string, delta: string): readonly [string, ReadonlyArray<string>] => {
    const parts = (buffer + delta).split(/(?<=[.!?])\s+/u)
    return [parts.at(-1) ?? "", parts.slice(0, -1)]
  },
  { onHalt: (rest: string) => (rest.trim() === "" ? [] : [rest]) }
)

/** Serves one call by a fixed rule; `silenceMs` is the silence that ends a turn. */
export const tutorial = (link: MediaLink, silenceMs: number = silenceDurationMs) =>
  Effect.gen(function* () {
    const config = yield* AppConfig
    const recognition = yield* (yield* SpeechToText).open
    const speech = yield* (yield* TextToSpeech).open
    const scorer = yield* (yield* VoiceActivity).open
    const model = yield* LanguageModel.LanguageModel
    const scope = yield* Effect.scope

    let state: "listening" | "processing" | "speaking" = "listening"
    let streamSid = ""
    let windows = VoiceWindows.initial
    let segment = 1
    let voiced = false
    let speechMs = 0
    let quietMs = 0
    let loud = 0
    let replies = 0
    let replying: Fiber.Fiber<unknown> | undefined
    const marks = yield* Queue.unbounded<string>()

    const send = (frame: object) => link.send(JSON.stringify({ streamSid, ...frame }))

    const speak = (words: Stream.Stream<string>) =>
      Effect.gen(function* () {
        const name = `${replies++}:end`
        let carry = Frames.initial
        const media = (mulaw: Uint8Array) => {
          state = "speaking"
          return send({ event: "media", media: { payload: Buffer.from(mulaw).toString("base64") } })
        }
        yield* speech.speak(words).pipe(
          speechToLine,
          Stream.runForEach((piece) => {
            const [rest, whole] = Frames.step(carry, piece.mulaw)
            carry = rest
            return Effect.forEach(whole, media, { discard: true })
          }),
          Effect.orDie
        )
        yield* Effect.forEach(Frames.end(carry), media, { discard: true })
        if (state !== "speaking") return void (state = "listening")
        yield* send({ event: "mark", mark: { name } })
        while ((yield* Queue.take(marks)) !== name);
        state = "listening"
      })

    const answer = Effect.gen(function* () {
      const text = yield* Effect.orElseSucceed(recognition.commit(segment++), () => "")
      if (text.trim() === "") return void (state = "listening")
      const words = model.streamText({ prompt: text }).pipe(
        Stream.filter((part) => part.type === "text-delta"),
        Stream.map((part) => part.delta),
        sentences,
        Stream.orDie
      )
      yield* speak(words)
    })

    const run = (reply: Effect.Effect<void>) =>
      Effect.map(Effect.forkIn(reply, scope), (fiber) => void (replying = fiber))

    const forget = (): void => {
      voiced = false
      speechMs = 0
      quietMs = 0
      loud = 0
    }

    const listen = Effect.fnUntraced(function* (window: VoiceWindow, probability: number) {
      yield* recognition.append(segment, window.samples)
      if (!voiced) {
        voiced = probability > speechStartProb
        if (voiced) speechMs = WINDOW_MS
        return
      }
      speechMs += WINDOW_MS
      quietMs = probability < speechEndProb ? quietMs + WINDOW_MS : 0
      if (quietMs < silenceMs) return
      const enough = speechMs >= minSpeechMs
      forget()
      if (!enough) return
      state = "processing"
      yield* run(answer)
    })

    const interrupted = Effect.fnUntraced(function* (probability: number) {
      loud = probability > bargeIn.speaking.prob ? loud + 1 : 0
      if (loud < bargeIn.speaking.windows) return
      yield* send({ event: "clear" })
      if (replying !== undefined) yield* Effect.forkIn(Fiber.interrupt(replying), scope)
      forget()
      voiced = true
      yield* recognition.discard(segment++)
      state = "listening"
    })

    yield* link.inbound.pipe(
      decodeFrames(() => {}),
      Stream.takeUntil((frame) => frame.event === "stop"),
      Stream.runForEach((frame) =>
        Effect.gen(function* () {
          switch (frame.event) {
            case "start":
              streamSid = frame.streamSid
              yield* run(speak(Stream.make(config.persona.greeting)))
              return
            case "mark":
              yield* Queue.offer(marks, frame.mark.name)
              return
            case "media": {
              const samples = decodeMulawBase64(frame.media.payload)
              const [next, complete] = VoiceWindows.step(windows, { atMs: frame.media.timestamp, samples })
              windows = next
              for (const window of complete) {
                if (state === "processing") continue
                const probability = yield* Effect.orElseSucceed(scorer.score(window.samples), () => 0)
                if (state === "listening") yield* listen(window, probability)
                else yield* interrupted(probability)
              }
              return
            }
            default:
          }
        })
      )
    )
  }).pipe(Effect.scoped)
