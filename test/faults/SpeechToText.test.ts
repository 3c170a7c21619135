/** What the caller hears when speech recognition fails. */
import { assert, describe } from "@effect/vitest"
import { defaultPhrases as phrases } from "../../src/schema/Phrases.ts"
import { answers, type FaultRow, faultTests, questions } from "../support/FaultCall.ts"
import { faultyRecogniser, type RecogniserFaults } from "../support/FaultySpeech.ts"

const row = (
  fault: string,
  faults: RecogniserFaults,
  hears: ReadonlyArray<string>,
  logs: ReadonlyArray<RegExp>,
  more: Partial<FaultRow> = {}
): FaultRow => ({ fault, call: { layer: faultyRecogniser(faults) }, hears, logs, ...more })

/** Neither question is understood; the first one is not, and the model's first answer goes to the second one. */
const deaf = [phrases.askAgain, phrases.askAgain]
const once = [phrases.askAgain, answers[0]]
const fine = [...answers]

const unconnected = /^Speech recognition cannot be connected/
const lost = /^Speech recognition lost its connection/
const reported = /^Speech recognition (failed for a segment|reported an error)/
const failed = (what: RegExp): RegExp => new RegExp(`^speech to text: .*${what.source}`)
const late = failed(/no words came within 1.5 s/)

/** The answer to what was given up on comes with the next one, on the connection it was asked for on. */
const staleAnswer = (): RecogniserFaults => {
  let stale: ((words: string) => void) | undefined
  return {
    recognised: ({ answer, words }) => {
      if (stale === undefined) {
        stale = answer
        return
      }
      stale(questions[0])
      answer(words)
    }
  }
}

/** The first connection breaks while the caller speaks. */
const cutOnce = (): RecogniserFaults => {
  let pieces = 0
  return { audible: (socket) => (++pieces === 4 ? socket.end(1006) : undefined) }
}

const refused = (why: number | string): RecogniserFaults => ({ dialled: (socket) => socket.refuse(why) })

describe("speech recognition", () => {
  faultTests([
    row("refuses the connection", refused("ECONNREFUSED"), deaf, [unconnected, late]),
    row("has a host without TLS", refused("ERR_SSL_WRONG_VERSION_NUMBER"), deaf, [unconnected, late]),
    row("refuses the key (401)", refused(401), deaf, [unconnected, failed(/401/)]),
    row("wants to be paid (402)", refused(402), deaf, [unconnected, failed(/402/)]),
    row("limits the rate (429)", refused(429), deaf, [unconnected, late]),
    row("fails (500)", refused(500), deaf, [unconnected, late]),
    row("is not available (503)", refused(503), deaf, [unconnected, late]),
    row("has no workers (4503)", { dialled: (socket) => (socket.open(false), socket.end(4503)) }, deaf, [
      unconnected,
      late
    ]),
    row("never opens the connection", { dialled: () => {} }, deaf, [unconnected, late]),
    row("accepts and says nothing", { recognised: () => {} }, deaf, [late]),
    row("does not answer once", { recognised: ({ answer, number, words }) => number > 0 && answer(words) }, once, [
      late
    ]),
    row("answers the first question when the second one is asked", staleAnswer(), once, [late], {
      also: ({ requests }) => assert.strictEqual(requests.at(-1)?.said, questions[1])
    }),
    row("answers twice", { recognised: ({ answer, words }) => (answer(words), answer(words)) }, fine, [], {
      also: ({ requests }) =>
        assert.deepStrictEqual(
          requests.map(({ said }) => said),
          [...questions]
        )
    }),
    // Nobody is asked to repeat a cough: without words a turn is none, and the usual quiet goes by.
    row("hears no words", { recognised: ({ answer }) => answer("") }, [phrases.stillThere, phrases.stillThere], [], {
      withinMs: 11_000
    }),
    row(
      "fails for one segment",
      {
        recognised: ({ answer, item, number, socket, words }) =>
          number > 0
            ? answer(words)
            : socket.say({
                type: "conversation.item.input_audio_transcription.failed",
                item_id: item,
                event_type: "conversation.item.input_audio_transcription.completed",
                error: { message: "no", code: "server_error" }
              })
      },
      once,
      [reported, failed(/server_error/)]
    ),
    row("is cut in the middle of a question", cutOnce(), fine, [lost]),
    row(
      "is cut instead of answering",
      { recognised: ({ answer, number, socket, words }) => (number === 0 ? socket.end(1006) : answer(words)) },
      fine,
      [lost]
    ),
    row(
      "sends malformed messages",
      {
        recognised: ({ answer, socket, words }) => {
          for (const text of ["", "{", "null", "[]", '{"type":7}']) socket.say(text)
          answer(words)
        }
      },
      fine,
      []
    )
  ])
})
