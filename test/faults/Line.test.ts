/** What becomes of a call when the line, the carrier or the voice detector fails. */
import { assert, describe } from "@effect/vitest"
import { Effect, Pull, Stream } from "effect"
import { Socket } from "effect/socket"
import * as SocketMediaLink from "../../src/layers/SocketMediaLink.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { runCall } from "../../src/streams/Call.ts"
import { hangUp, listen, pause, reset, say, sendRaw, waitUntilAgentSpeaks } from "../../src/testing/CallerScript.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { answers, type FaultRow, faultTests, questions } from "../support/FaultCall.ts"

const fine = [...answers]
const long = "We open at nine in the morning on every day of the week that is not a holiday of any kind."
const ended = (reason: string): Pick<FaultRow, "also"> => ({
  also: ({ events }) =>
    assert.deepStrictEqual(
      events.flatMap((event) => (event._tag === "Ended" ? [event.reason] : [])),
      [reason]
    )
})

/** Characters after which the carrier reads no more: the greeting and some of an answer. */
const READ_CHARACTERS = 60_000

/** The product's link over a socket whose peer stops reading, and goes on speaking. */
const holdUnread = (link: MediaLink) =>
  Effect.gen(function* () {
    let sent = 0
    const lost = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1006 }) })
    const socket = Socket.make({
      reader: Effect.map(Stream.toPull(link.inbound), (pull) => ({
        pull: Pull.catchDone(pull, () => Effect.fail(lost)),
        upgrade: Socket.SocketUpgradeError.unsupported
      })),
      writer: Effect.succeed({
        write: (frame) => {
          if (Socket.isCloseEvent(frame)) return link.close(frame.reason ?? "")
          sent += frame.length
          return sent <= READ_CHARACTERS ? link.send(String(frame)) : Effect.void
        },
        writeAll: () => Effect.die("frames are sent one at a time")
      })
    })
    yield* runCall(yield* SocketMediaLink.make(socket, { unsent: () => Math.max(0, sent - READ_CHARACTERS) }))
  }).pipe(Effect.scoped, Effect.orDie)

/** The line goes on being there, and from this frame on nothing comes over it. */
const fallSilentAfter = (frames: number) => (link: MediaLink) =>
  runCall({ ...link, inbound: Stream.concat(Stream.take(link.inbound, frames), Stream.never) })

/** The carrier's name for the stream is this one, whatever it calls it by itself. */
const nameStream = (name: string) => (link: MediaLink) => {
  const own = /"streamSid":"(MZ\w+)"/
  let usual = ""
  const written = JSON.stringify(name)
  return runCall({
    ...link,
    inbound: Stream.map(link.inbound, (text) => {
      usual = own.exec(text)?.[1] ?? usual
      return text.replaceAll(`"${usual}"`, () => written)
    }),
    send: (text) => link.send(text.replaceAll(written, () => `"${usual}"`))
  })
}

const secondStart = JSON.stringify({
  event: "start",
  sequenceNumber: "99",
  streamSid: "MZother",
  start: { streamSid: "MZother", callSid: "CAother", tracks: ["inbound"], customParameters: {} }
})

describe("the line", () => {
  faultTests([
    {
      fault: "is lost in the middle of a question",
      call: { script: [listen(), say(spoken(questions[0]).audio.subarray(0, 6000)), reset] },
      hears: [],
      logs: [],
      ...ended("connection lost")
    },
    {
      fault: "is lost in the middle of a reply",
      call: {
        script: [listen(), say(spoken(questions[0])), waitUntilAgentSpeaks(), pause(1000), reset],
        services: { languageModel: { replies: [long] } }
      },
      hears: [],
      logs: [],
      ...ended("connection lost")
    },
    {
      fault: "ends without stop while nobody speaks",
      call: { script: [listen(), pause(1000), reset] },
      hears: [],
      logs: [],
      ...ended("connection lost")
    },
    {
      fault: "is dead and looks open while nobody speaks",
      call: { script: [listen(), pause(90_000), hangUp], run: fallSilentAfter(300), turns: { idleMs: 0 } },
      hears: [],
      logs: [/^media stream closed: nothing has come from the carrier for 30 s/],
      also: (report) => {
        ended("connection lost").also?.(report)
        assert.strictEqual(report.call.end._tag, "AgentHungUp")
        assert.isBelow(report.call.recording.durationMs, 70_000)
      }
    },
    {
      fault: "carries the start of another stream",
      call: { script: [listen(), sendRaw(secondStart), say(spoken(questions[0])), listen(), hangUp] },
      hears: [answers[0]],
      logs: [],
      ...ended("caller hung up")
    },
    {
      fault: "has a name with every character that means something to somebody",
      call: { script: [listen(), say(spoken(questions[0])), listen(), hangUp], run: nameStream('MZ|""\\"\n<{$&}>') },
      hears: [answers[0]],
      logs: [],
      ...ended("caller hung up")
    },
    {
      fault: "carries frames that are malformed or unknown",
      call: {
        script: [
          listen(),
          ...['{"event":"media"', "null", "[]", '{"event":"news"}', '{"event":"media","media":{"payload":7}}'].map(
            sendRaw
          ),
          say(spoken(questions[0])),
          listen(),
          hangUp
        ]
      },
      hears: [answers[0]],
      logs: [],
      except: { speaksTheProtocol: "it is the caller who breaks it" },
      also: ({ events }) => assert.deepInclude(events.at(-1), { _tag: "Ended", malformedFrames: 4 })
    },
    {
      fault: "is not read any more by the carrier",
      call: {
        script: [listen(), say(spoken(questions[0])), waitUntilAgentSpeaks(), pause(30_000), hangUp],
        services: { languageModel: { replies: [`${long} ${long} ${long} ${long}`] } },
        run: holdUnread
      },
      hears: [],
      logs: [/^media stream closed: the peer has not read 65536 bytes/],
      ...ended("connection lost")
    },
    { fault: "loses every mark", call: { impairments: { marks: { lossRate: 1 } } }, hears: fine, logs: [] },
    { fault: "returns marks late", call: { impairments: { marks: { delayMs: 800 } } }, hears: fine, logs: [] },
    { fault: "returns marks twice", call: { impairments: { marks: { duplicateRate: 1 } } }, hears: fine, logs: [] },
    {
      fault: "loses frames",
      // Words are lost with them, which recognition of real speech would survive: only what the agent does is of interest.
      call: {
        impairments: { loss: { rate: 0.05, meanRun: 2 } },
        services: {
          languageModel: { replies: answers },
          speechToText: { words: (_, segment) => questions[segment === 1 ? 0 : 1] }
        }
      },
      hears: fine,
      logs: [],
      except: { repeatsNothing: "what recognition makes of half a question is made up here" }
    },
    {
      fault: "delivers frames late",
      call: { impairments: { jitter: { maxMs: 200 } } },
      hears: fine,
      logs: [],
      withinMs: 2200
    },
    {
      fault: "delivers frames in bursts",
      call: { impairments: { bursts: { everyMs: 2000, holdMs: 400 } } },
      hears: fine,
      logs: [],
      withinMs: 2400
    },
    { fault: "delivers frames twice", call: { impairments: { duplicates: { rate: 0.2 } } }, hears: fine, logs: [] }
  ])
})

describe("the voice detector", () => {
  const voice = /^voice activity: /
  faultTests([
    {
      fault: "cannot be had",
      call: { services: { languageModel: { replies: answers }, voiceActivity: { unavailable: true } } },
      hears: fine,
      logs: [voice]
    },
    {
      fault: "fails in the middle of the call",
      call: {
        services: { languageModel: { replies: answers }, voiceActivity: { failures: [{ from: 50, to: 10_000 }] } }
      },
      hears: fine,
      logs: [voice]
    }
  ])
})
