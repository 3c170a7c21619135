import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkCall, entriesOf, hangUp, interrupt, listen, renderTimeline, say, simulate, spoken } from "parley/testing"

it.live("a caller who interrupts is heard", () =>
  Effect.gen(function* () {
    const report = yield* simulate({
      script: [
        listen(),
        say(spoken("When are you open?")),
        interrupt({ afterMs: 1500, say: spoken("Only tomorrow, please.") }),
        listen(),
        hangUp
      ],
      services: {
        languageModel: {
          replies: ["On weekdays we are open from nine until half past five.", "Tomorrow we open at ten."]
        }
      }
    })

    // The agent fell silent, and answered what the caller had said.
    assert.strictEqual(entriesOf(report.timeline, "BargeIn").length, 1)
    assert.deepStrictEqual(report.conversation.slice(-2), [
      { by: "caller", text: "Only tomorrow, please." },
      { by: "agent", text: "Tomorrow we open at ten." }
    ])
    // The model was told no more of its first answer than the caller heard.
    const remembered = report.requests.at(-1)?.messages.findLast(({ role }) => role === "assistant")?.text
    assert.match(remembered ?? "", /^On weekdays we/)
    assert.notInclude(remembered ?? "", "half past five")
    // Nobody was spoken over, nothing was said twice, and nothing is left over.
    assert.deepStrictEqual(checkCall(report), [], renderTimeline(report.timeline))
  })
)
