/** Measures how many seconds of call one second simulates: a scripted caller against a server that answers everything with a tone. */
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { FRAME_BYTES } from "../src/schema/Audio.ts"
import { type MediaLink } from "../src/services/MediaLink.ts"
import { encodeMulaw } from "../src/streams/Mulaw.ts"
import { listen, pause, say } from "../src/testing/CallerScript.ts"
import { connectTo } from "../src/testing/CarrierConnection.ts"
import { type Impairments } from "../src/testing/Impairments.ts"
import { type CallResult, placeCall } from "../src/testing/TwilioCaller.ts"
import { inVirtualTime } from "../src/testing/VirtualTime.ts"

const tone = (ms: number): Int16Array =>
  Int16Array.from({ length: ms * 8 }, (_, n) => Math.round(8000 * Math.sin((2 * Math.PI * 440 * n) / 8000)))

const words = tone(1200)

const payload = Buffer.from(encodeMulaw(tone(20)).subarray(0, FRAME_BYTES)).toString("base64")

/** Greets, and from then on answers every 4 s with 1.5 s of tone, sent frame by frame ahead of its time. */
const serve = (link: MediaLink): Effect.Effect<void> => {
  let streamSid = ""
  let frames = 0
  const reply = Effect.suspend(() => {
    const media = JSON.stringify({ event: "media", streamSid, media: { payload } })
    const mark = JSON.stringify({ event: "mark", streamSid, mark: { name: `reply-${frames}` } })
    return Effect.andThen(Effect.replicateEffect(link.send(media), 75, { discard: true }), link.send(mark))
  })
  return Stream.runForEach(link.inbound, (text) =>
    Effect.suspend(() => {
      const frame = JSON.parse(text)
      if (frame.event === "start") streamSid = frame.streamSid
      if (frame.event !== "media") return Effect.void
      return frames++ % 200 === 10 ? reply : Effect.void
    })
  )
}

const call = (seconds: number, impairments: Impairments) =>
  placeCall({
    connect: connectTo(serve),
    impairments,
    script: [
      ...listen(),
      ...Array.from({ length: Math.floor(seconds / 4) }, () => [say({ audio: words, text: "hello" }), pause(2800)])
    ]
  }).pipe(Effect.scoped)

const inTestTime = (effect: Effect.Effect<CallResult>): Effect.Effect<CallResult> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(TestClock.layer()))

const measure = (name: string, run: Effect.Effect<CallResult>) =>
  Effect.gen(function* () {
    const before = yield* Clock.monotonicTimeNanos
    const cpuBefore = process.cpuUsage()
    const result = yield* run
    const cpu = process.cpuUsage(cpuBefore)
    const wallMs = Number((yield* Clock.monotonicTimeNanos) - before) / 1e6
    const cpuMs = (cpu.user + cpu.system) / 1000
    const callMs = result.recording.durationMs
    const times = (ms: number) => `${ms.toFixed(0)} ms (${(callMs / ms).toFixed(0)} times real time)`
    console.log(`${name.padEnd(24)} ${(callMs / 1000).toFixed(0)} s of call in ${times(wallMs)}, CPU ${times(cpuMs)}`)
    if (result.failures.length > 0) console.log(result.failures)
  })

const badLine: Impairments = {
  jitter: { maxMs: 40 },
  loss: { rate: 0.02 },
  echo: { levelDb: -20, delayMs: 120 },
  noise: { kind: "babble", snrDb: 10 }
}

const main = Effect.gen(function* () {
  for (let round = 0; round < 3; round++) {
    yield* measure("virtual time", inVirtualTime(call(600, {})))
    yield* measure("virtual time, bad line", inVirtualTime(call(600, badLine)))
    yield* measure("TestClock", inTestTime(call(600, {})))
  }
})

await Effect.runPromise(main)
