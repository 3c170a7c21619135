import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schema } from "effect"
import { makeDialogue, type Segment } from "../../src/layers/TogetherSttDialogue.ts"
import { levelOf, voice } from "../support/Recognition.ts"

/** A service that says which levels it heard in what was committed, one answer for each commit. */
const makeService = () => {
  let heard = new Set<number>()
  const answers: Array<string> = []
  return {
    answers,
    /** The level that a hypothesis would be about. */
    hearing: () => answers[0] ?? [...heard].join("+"),
    append: (message: string) => {
      const bytes = Buffer.from(String(JSON.parse(message).audio), "base64")
      heard.add(levelOf(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)))
    },
    commit: () => {
      answers.push([...heard].join("+"))
      heard = new Set()
    }
  }
}

const Step = Schema.Literals([
  "open",
  "append",
  "end",
  "discard",
  "give up",
  "hypothesis",
  "answer",
  "answer",
  "stay silent",
  "lose",
  "connect"
])

describe("an answer", () => {
  it.effect.prop(
    "never reaches a segment that it was not made from, and every segment that is wanted gets one",
    [Schema.Array(Step).check(Schema.isMinLength(10), Schema.isMaxLength(60))],
    ([steps]) =>
      Effect.gen(function* () {
        const dropped = new Set<number>()
        const dialogue = makeDialogue(({ segment, text }) => {
          assert.strictEqual(String(segment), text)
          assert.isFalse(dropped.has(segment))
        })
        let service: ReturnType<typeof makeService> | undefined
        let id = 0
        const waiting = new Map<number, Segment>()
        const unwanted: Array<Segment> = []

        const connect = () => {
          service = makeService()
          dialogue.attach(service)
        }
        const answer = (): boolean => {
          const words = service?.answers.shift()
          return words !== undefined && dialogue.answer(undefined, Effect.succeed(words))
        }
        const answerAll = () => {
          while (answer());
        }

        connect()
        for (const step of steps) {
          switch (step) {
            case "open":
              dialogue.append(++id, voice(id, 230))
              break
            case "append":
              if (id > 0) dialogue.append(id, voice(id, 230))
              break
            case "end": {
              const segment = dialogue.end(id)
              if (segment !== undefined) waiting.set(id, segment)
              break
            }
            case "discard":
              waiting.delete(id)
              dropped.add(id)
              dialogue.discard(id)
              break
            case "hypothesis":
              if (service !== undefined && service.hearing() !== "") dialogue.interim(undefined, service.hearing())
              break
            case "give up": {
              const [first] = waiting
              if (first === undefined) break
              waiting.delete(first[0])
              unwanted.push(first[1])
              dropped.add(first[0])
              dialogue.giveUp(first[1])
              break
            }
            case "answer":
              answer()
              break
            case "stay silent":
              service?.answers.shift()
              break
            case "lose":
              service = undefined
              dialogue.detach()
              break
            case "connect":
              connect()
              break
          }
        }

        answerAll()
        // What the service was silent about is asked again on another connection.
        connect()
        answerAll()
        for (const [id, segment] of waiting) {
          assert.isTrue(Deferred.isDoneUnsafe(segment.answer))
          assert.strictEqual(yield* Deferred.await(segment.answer), String(id))
        }
        for (const { answer, id } of unwanted) assert.include(["", String(id)], yield* Deferred.await(answer))
      })
  )
})
