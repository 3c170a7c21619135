/** Whole calls through the real server on real sockets, with the real voice model and recorded speech. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { FetchHttpClient } from "effect/http"
import { type LineEvent } from "../src/testing/CallRecording.ts"
import { hangUp, interrupt, listen, pause, say } from "../src/testing/CallerScript.ts"
import { httpCall } from "../src/testing/HttpCall.ts"
import { startParley } from "./support/Parley.ts"
import { loadSpeech } from "./support/Speech.ts"

const spoken = ["Hello there, I would like to book a table for two.", "What time do you open tomorrow?", "Wait, stop."]

const replies = [
  "Of course. For which day?",
  "We open at nine in the morning. On Sundays we open at eleven, and on holidays we stay closed all day long.",
  "Sorry, go ahead."
]

const eventsOf = <Tag extends LineEvent["_tag"]>(events: ReadonlyArray<LineEvent>, tag: Tag) =>
  events.filter((event): event is Extract<LineEvent, { readonly _tag: Tag }> => event._tag === tag)

it.live(
  "a caller is greeted, answered over several turns, interrupts, and hangs up; nothing is left",
  () =>
    Effect.gen(function* () {
      const parley = yield* startParley({
        // The recorded sentences have breaks in them; each is to reach recognition in one piece here.
        turns: { commitPauseMs: 450 },
        stt: { words: spoken, latency: "60 millis" },
        tts: { firstAudio: "80 millis" },
        chat: {
          replies: ({ number }) => ({
            text: replies[number] ?? "I have nothing more to say.",
            pace: { firstToken: "100 millis", tokensPerSecond: 100 }
          })
        }
      })

      const call = yield* httpCall({
        webhookUrl: new URL("/twiml", parley.url),
        allowInsecure: true,
        script: [
          listen(),
          say(loadSpeech("hello")),
          listen(),
          say(loadSpeech("question")),
          interrupt({ afterMs: 2500, say: loadSpeech("stop") }),
          listen(),
          pause(200),
          hangUp
        ]
      }).pipe(Effect.provide(FetchHttpClient.layer))
      const { events } = call.recording

      assert.deepStrictEqual(call.failures, [])
      assert.deepStrictEqual(call.end, { _tag: "CallerHungUp" })
      assert.deepInclude(call.playout, { violations: 0, raggedFrames: 0 })

      // The interrupted reply was cleared once, and the caller's next words were answered.
      const clears = eventsOf(events, "Cleared")
      assert.strictEqual(clears.length, 1)
      const requests = yield* parley.chat.requests
      const last = requests.at(-1)?.body.messages ?? []
      assert.strictEqual(last.at(-1)?.content, spoken[2])

      // History holds what was heard: the first answer whole, of the second only its beginning.
      const heard = last.filter((message) => message.role === "assistant").map((message) => String(message.content))
      assert.deepStrictEqual(heard.slice(0, 2), ["Hello, how can I help you today?", replies[0]])
      const cut = heard[2] ?? ""
      assert.isTrue((replies[1] ?? "").startsWith(cut) && cut.startsWith("We open at nine"), `heard "${cut}"`)
      assert.isBelow(cut.length, (replies[1] ?? "").length)
      assert.deepStrictEqual(
        last.filter((message) => message.role === "user").map((message) => message.content),
        spoken
      )

      // Recognition heard speech, pre-roll and breaks, and none of the silence between turns.
      const sttEvents = yield* parley.stt.events
      const segments = sttEvents.flatMap((event) => (event._tag === "Committed" ? [event.samples.length / 16] : []))
      const utterances = call.utterances.map((utterance) => utterance.endMs - utterance.startMs)
      for (const [index, ms] of utterances.entries()) assert.approximately(segments[index] ?? 0, ms + 750, 500)

      // Hanging up closed both sockets of the call and ended it.
      yield* parley.stt.awaitEvent("Closed", (event) => event.by === "client" && event.code === 1000)
      yield* parley.tts.awaitEvent("Closed", (event) => event.by === "client" && event.code === 1000)
      assert.isTrue(parley.events.some((event) => event._tag === "Ended" && event.reason === "caller hung up"))
      const health = yield* Effect.promise(() =>
        fetch(new URL("/health", parley.url)).then((response) => response.json())
      )
      assert.deepInclude(health, { status: "ok", calls: 0 })
    }),
  60_000
)
