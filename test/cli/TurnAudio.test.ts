import { assert, describe, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join as joinPath } from "node:path"
import { prepareTurns, readWav } from "../../src/cli/TurnAudio.ts"
import { audibleBounds } from "../../src/testing/AgentVoice.ts"
import { encodeWav } from "../../src/streams/Wav.ts"
import { quiet, tone } from "../testing/Sounds.ts"

/** A file with these bytes, for as long as the scope. */
const file = (bytes: Uint8Array | string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(joinPath(tmpdir(), "parley-turns-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    ),
    (directory) => {
      const path = joinPath(directory, "turn.wav")
      writeFileSync(path, bytes)
      return path
    }
  )

const sine = (sampleRate: number, ms: number): Int16Array =>
  Int16Array.from({ length: (sampleRate * ms) / 1000 }, (_, n) => 8000 * Math.sin((2 * Math.PI * 440 * n) / sampleRate))

const rms = (samples: Int16Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)

describe("readWav", () => {
  it.effect.each([8000, 11_025, 16_000, 24_000, 44_100, 48_000])("brings %i Hz to the line's rate", (sampleRate) =>
    Effect.gen(function* () {
      const path = yield* file(encodeWav({ channels: [sine(sampleRate, 500)], sampleRate }))
      const audio = yield* readWav(path)
      assert.strictEqual(audio.length, 4000)
      assert.approximately(rms(audio), 8000 / Math.SQRT2, 60)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("mixes channels to one", () =>
    Effect.gen(function* () {
      const left = Int16Array.from([1000, 2000, -3000, 32_767])
      const right = Int16Array.from([3000, -1000, -3001, 32_767])
      const path = yield* file(encodeWav({ channels: [left, right], sampleRate: 8000 }))
      assert.deepStrictEqual(yield* readWav(path), Int16Array.from([2000, 500, -3000, 32_767]))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("names the file and what is wrong with it", () =>
    Effect.gen(function* () {
      const floats = encodeWav({ channels: [tone(10)], sampleRate: 8000 })
      floats[20] = 3
      const problems: ReadonlyArray<readonly [Uint8Array | string, RegExp]> = [
        ["hello", /found no RIFF\/WAVE header, expected one at the start$/],
        ["", /found no bytes at all, expected a header/],
        [floats, /found 16-bit .*float.*, expected 16-bit PCM or 8-bit mu-law$/],
        [encodeWav({ channels: [quiet(100)], sampleRate: 8000 }), /found silence, expected something to be heard$/]
      ]
      for (const [bytes, problem] of problems) {
        const path = yield* file(bytes)
        const { message } = yield* Effect.flip(readWav(path))
        assert.isTrue(message.startsWith(`${path} cannot be said: `), message)
        assert.match(message, problem)
      }
      const { message } = yield* Effect.flip(readWav("/nowhere/turn.wav"))
      assert.strictEqual(message, "/nowhere/turn.wav cannot be said: there is no such file")
      const directory = yield* Effect.flip(readWav(tmpdir()))
      assert.strictEqual(directory.message, `${tmpdir()} cannot be said: it is no file that can be read`)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("prepareTurns", () => {
  it.live("speaks words and reads files, in the order they were asked for", () =>
    Effect.gen(function* () {
      const path = yield* file(encodeWav({ channels: [tone(250)], sampleRate: 8000 }))
      const [first, second, third] = yield* prepareTurns([
        { source: { _tag: "Say", text: "Hello there." }, bargeInMs: undefined },
        { source: { _tag: "Wav", path }, bargeInMs: 800 },
        { source: { _tag: "Say", text: "What time do you open tomorrow?" }, bargeInMs: undefined }
      ])
      assert.deepInclude(first, { label: "Hello there.", text: "Hello there.", bargeInMs: undefined })
      assert.deepInclude(second, { label: "turn.wav", text: "", bargeInMs: 800, audio: yield* readWav(path) })
      const lengths = [first, third].map((turn) => {
        const { from, until } = audibleBounds(turn?.audio ?? new Int16Array(0))
        return (until - from) / 8
      })
      assert.isTrue(
        (lengths[0] ?? 0) > 300 && (lengths[1] ?? 0) > (lengths[0] ?? 0) && (lengths[1] ?? 0) < 5000,
        `${lengths}`
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("says which words cannot be said", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(
        prepareTurns([{ source: { _tag: "Say", text: "..." }, bargeInMs: undefined }])
      )
      assert.strictEqual(message, `"..." cannot be said: found silence, expected something to be heard`)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
