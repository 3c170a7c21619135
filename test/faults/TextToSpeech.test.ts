/** What the caller hears when speech synthesis fails. Greeting and fixed phrases are kept, as in a process that has run for a while. */
import { describe } from "@effect/vitest"
import { defaultPhrases as phrases } from "../../src/schema/Phrases.ts"
import { encodeWav } from "../../src/streams/Wav.ts"
import { answers, type FaultRow, faultTests, questions } from "../support/FaultCall.ts"
import { hangUp, listen, say } from "../../src/testing/CallerScript.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { faultyVoice, speak, type VoiceFaults } from "../support/FaultySpeech.ts"

const row = (
  fault: string,
  faults: VoiceFaults,
  hears: ReadonlyArray<string>,
  logs: ReadonlyArray<RegExp>,
  more: Partial<FaultRow> = {}
): FaultRow => ({ fault, call: { layer: faultyVoice(faults) }, hears, logs, ...more })

/** Neither question can be answered: at once, or after the wait for a voice. */
const atOnce = [phrases.noAnswer, phrases.noAnswer]
const afterWaiting = [phrases.filler, phrases.noAnswer, phrases.filler, phrases.noAnswer]
const fine = [...answers]

/** The first one breaks off in the middle. */
const inPart = [`We open ${phrases.brokeOff}`, answers[1]]
const brokeOff = /^text to speech: the last sentence broke off/

const sentence = /^Speech synthesis failed for a sentence/
const lost = /^Speech synthesis has no connection/
const failed = (what: RegExp): RegExp => new RegExp(`^text to speech: .*${what.source}`)
const silent = failed(/no speech came within 5 s/)

/** Sockets on which something comes of what is said. */
const alive = new WeakSet<object>()

const refused = (why: number | string): VoiceFaults => ({ dialled: (socket) => socket.refuse(why) })

/** The file of an utterance, as some services send it. */
const wav = (pcm: Uint8Array): Uint8Array =>
  encodeWav({ channels: [new Int16Array(pcm.buffer, pcm.byteOffset, pcm.byteLength >> 1)], sampleRate: 24_000 })

describe("the voice", () => {
  faultTests([
    row("refuses the connection", refused("ECONNREFUSED"), afterWaiting, [lost, silent]),
    row("has a host without TLS", refused("ERR_SSL_WRONG_VERSION_NUMBER"), afterWaiting, [lost, silent]),
    row("refuses the key (401)", refused(401), atOnce, [lost, failed(/refused the API key/)]),
    row("wants to be paid (402)", refused(402), atOnce, [lost, failed(/limit/)]),
    row("limits the rate (429)", refused(429), afterWaiting, [lost, silent]),
    row("fails (500)", refused(500), afterWaiting, [lost, silent]),
    row("is not available (503)", refused(503), afterWaiting, [lost, silent]),
    row("has no workers (4503)", { dialled: (socket) => (socket.open(), socket.end(4503)) }, afterWaiting, [
      lost,
      silent
    ]),
    row("never opens the connection", { dialled: () => {} }, afterWaiting, [lost, silent]),
    row("accepts and says nothing", { spoken: () => {} }, afterWaiting, [silent]),
    row(
      "says nothing on a connection that is dead, and speaks on the next one",
      {
        dialled: (socket, connection) => {
          if (connection > 0) alive.add(socket)
          socket.open()
        },
        spoken: (said) => alive.has(said.socket) && speak(said)
      },
      [phrases.filler, phrases.noAnswer, answers[1]],
      [silent]
    ),
    {
      fault: "is slow to begin",
      call: { services: { languageModel: { replies: answers }, textToSpeech: { firstByteMs: 3000 } } },
      hears: answers.map((answer) => `${phrases.filler} ${answer}`),
      logs: []
    },
    row(
      "stalls in the middle of a sentence",
      { spoken: (said) => (said.number === 0 ? said.audio(said.pcm.subarray(0, 24_000)) : speak(said)) },
      inPart,
      [brokeOff]
    ),
    row(
      "is cut in the middle of a sentence",
      {
        spoken: (said) => {
          if (said.number > 0) return speak(said)
          said.audio(said.pcm.subarray(0, 24_000))
          said.socket.end(1006)
        }
      },
      inPart,
      [lost, brokeOff]
    ),
    row(
      "fails for one sentence",
      {
        spoken: (said) =>
          said.number === 0
            ? said.socket.say({ type: "conversation.item.tts.failed", error: { message: "no", code: "server_error" } })
            : speak(said)
      },
      fine,
      [sentence]
    ),
    row(
      "sends a format that was not asked for",
      {
        spoken: (said) => {
          const file = wav(said.pcm)
          // 32-bit floating point.
          new DataView(file.buffer).setUint16(20, 3, true)
          said.audio(file)
          said.done()
        }
      },
      atOnce,
      [failed(/./)]
    ),
    row(
      "sends a header that is split",
      {
        spoken: (said) => {
          const file = wav(said.pcm)
          for (const [from, to] of [
            [0, 3],
            [3, 21],
            [21, 45],
            [45, file.length]
          ] as const)
            said.audio(file.subarray(from, to))
          said.done()
        }
      },
      fine,
      []
    ),
    row(
      "sends odd bytes",
      {
        spoken: (said) => {
          for (let at = 0; at < said.pcm.length; at += 1001) said.audio(said.pcm.subarray(at, at + 1001))
          said.done()
        }
      },
      fine,
      []
    ),
    {
      fault: "is another one and goes quiet with a sentence to go",
      call: {
        script: [listen(), say(spoken(questions[0])), listen(6000), hangUp],
        services: {
          languageModel: { replies: ["We open at nine. And on Sundays at eleven."] },
          textToSpeech: { sentences: [undefined, { fault: { kind: "hang", afterMs: 500 } }] }
        }
      },
      hears: [`We open at nine. And on ${phrases.brokeOff}`],
      logs: [failed(/no more speech came within 5 s/)]
    },
    row("never says that a sentence is done", { spoken: (said) => said.audio(said.pcm) }, fine, [])
  ])
})
