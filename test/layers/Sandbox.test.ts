import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import * as Sandbox from "../../src/layers/Sandbox.ts"
import { SpeechToText } from "../../src/services/SpeechToText.ts"
import { TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { promptFor } from "../../src/streams/Conversation.ts"
import { sentences } from "../../src/streams/Sentences.ts"
import { concat, loadSpeech, silence } from "../support/Speech.ts"

describe("Sandbox", () => {
  it.live("hears a caller, answers and says so", () =>
    Effect.gen(function* () {
      const recognition = yield* Effect.flatMap(SpeechToText, (service) => service.open)
      const model = yield* LanguageModel.LanguageModel
      const voice = yield* Effect.flatMap(TextToSpeech, (service) => service.open)

      yield* recognition.append(1, concat(silence(500), loadSpeech("question"), silence(128)))
      const words = yield* recognition.commit(1)
      const greeting = { role: "assistant", text: Sandbox.sandboxPersona.greeting } as const
      const answer = model
        .streamText({ prompt: [...promptFor(Sandbox.sandboxPersona.prompt, [greeting], words)] })
        .pipe(
          Stream.filter((part) => part.type === "text-delta"),
          Stream.map((part) => part.delta)
        )
      const said: Array<string> = []
      const audio = yield* answer.pipe(
        sentences(),
        Stream.tap((sentence) => Effect.sync(() => void said.push(sentence))),
        voice.speak,
        Stream.runCollect
      )
      assert.strictEqual(said[0], "I heard you speak for about two seconds.")
      assert.deepStrictEqual(
        [...new Set(audio.map(({ sentence }) => sentence))],
        said.map((_, sentence) => sentence)
      )
    }).pipe(Effect.provide(Sandbox.layer))
  )

  it("says what it is in one sentence", () => {
    assert.match(Sandbox.sandboxNotice, /^[^.!?]+\.$/)
    for (const word of ["sandbox", "no language model", "no words are recognised", "TOGETHER_API_KEY"]) {
      assert.include(Sandbox.sandboxNotice, word)
    }
  })
})
