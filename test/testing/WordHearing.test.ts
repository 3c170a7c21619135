import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decodeMulaw, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeResampler } from "../../src/streams/Resample.ts"
import { makeNoise } from "../../src/testing/LineNoise.ts"
import { hearWords, makeWordDecoder, wordsIn } from "../../src/testing/WordHearing.ts"
import { lexiconOf, SOUND_DB, soundOf, wordsOf } from "../../src/testing/WordSound.ts"

const text = "Hello there, I would like to change my booking. Can you move it to 10:30 on Wednesday, please? A b c!"
const others = "words that nobody has said here at all"
const lexicon = lexiconOf(others, text)
const words = wordsOf(text)

const overTheLine = (samples: Int16Array): Int16Array => decodeMulaw(encodeMulaw(samples))

const resampled = (samples: Int16Array, from: number, to: number): Int16Array => {
  const resampler = makeResampler(from, to)
  return Int16Array.from([...resampler.push(samples), ...resampler.flush()])
}

const padded = (samples: Int16Array, before: number, after: number): Int16Array => {
  const track = new Int16Array(before + samples.length + after)
  track.set(samples, before)
  return track
}

const mixed = (samples: Int16Array, other: (n: number) => number): Int16Array =>
  samples.map((sample, n) => Math.max(-32768, Math.min(32767, Math.round(sample + other(n)))))

/** The words of a list that are not in the other one, each counted as often as it is missing. */
const missing = (all: ReadonlyArray<string>, found: ReadonlyArray<string>): number => {
  const left = [...found]
  return all.filter((word) => {
    const at = left.indexOf(word)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  }).length
}

describe("words are heard", () => {
  const sound = soundOf(text)

  it("as they were said, in order, with their places", () => {
    assert.deepStrictEqual(wordsIn(sound, lexicon), words)
    const [hello, there] = hearWords(padded(sound, 800, 0), lexicon)
    assert.strictEqual(hello?.word, "Hello")
    assert.closeTo(hello?.startMs ?? 0, 100, 2)
    assert.closeTo(hello?.endMs ?? 0, 400, 2)
    assert.closeTo(there?.startMs ?? 0, 420, 2)
  })

  it("over mu-law, wherever they begin", () => {
    for (let before = 0; before < 160; before += 7) {
      assert.deepStrictEqual(wordsIn(overTheLine(padded(sound, before, 0)), lexicon), words, `${before} samples in`)
    }
  })

  it("at other rates, and through resamplers", () => {
    assert.deepStrictEqual(wordsIn(soundOf(text, { sampleRate: 24_000 }), lexicon, 24_000), words)
    assert.deepStrictEqual(wordsIn(resampled(overTheLine(sound), 8000, 16_000), lexicon, 16_000), words)
    const played = overTheLine(resampled(soundOf(text, { sampleRate: 24_000 }), 24_000, 8000))
    assert.deepStrictEqual(wordsIn(played, lexicon), words)
    assert.throws(() => wordsIn(sound, lexicon, 44_100), /44100; a multiple of 8000 Hz was expected/)
  })

  it("in pieces of any length", () => {
    for (const length of [31, 160, 256, 5000]) {
      const decoder = makeWordDecoder(lexicon)
      const heard: Array<string> = []
      for (let at = 0; at < sound.length; at += length) {
        heard.push(...decoder.push(sound.subarray(at, at + length)).map(({ word }) => word))
      }
      heard.push(...decoder.end().map(({ word }) => word))
      assert.deepStrictEqual(heard, words, `pieces of ${length}`)
    }
  })

  it("while they are said, not only at the end", () => {
    const decoder = makeWordDecoder(lexicon)
    const heard = decoder.push(sound.subarray(0, 8 * 1300)).map(({ word }) => word)
    assert.deepStrictEqual(heard, ["Hello", "there,", "I", "would"])
  })

  it("through noise 10 dB below them", () => {
    for (const kind of ["white", "pink", "babble"] as const) {
      for (const seed of [1, 2, 3]) {
        const noise = makeNoise(kind, seed)
        const gain = 32768 * 10 ** ((SOUND_DB - 10) / 20)
        const noisy = mixed(sound, (n) => gain * (noise[n % noise.length] ?? 0))
        assert.deepStrictEqual(wordsIn(overTheLine(noisy), lexicon), words, `${kind} ${seed}`)
      }
    }
  })

  it("through an echo of other words 20 dB below them, which is not heard itself", () => {
    const echo = soundOf(`${others} `.repeat(5)).map((sample) => sample / 10)
    assert.deepStrictEqual(wordsIn(overTheLine(mixed(sound, (n) => echo[n] ?? 0)), lexicon), words)
    assert.deepStrictEqual(wordsIn(overTheLine(echo), lexicon), [])
  })

  it.prop(
    "whatever they are",
    [Schema.Array(Schema.NonEmptyString.check(Schema.isMaxLength(12), Schema.isPattern(/^[\p{L}\p{N}'.,!?-]+$/u)))],
    ([said]) => {
      const text = said.join(" ")
      assert.deepStrictEqual(wordsIn(overTheLine(soundOf(text)), lexiconOf(text)), wordsOf(text))
    }
  )
})

describe("words are not heard", () => {
  it("when they were not said", () => {
    assert.deepStrictEqual(wordsIn(soundOf(text), lexiconOf(others)), [])
    assert.deepStrictEqual(wordsIn(soundOf(text), []), [])
    assert.deepStrictEqual(wordsIn(new Int16Array(8000), lexicon), [])
    const noise = makeNoise("babble", 7)
    assert.deepStrictEqual(
      wordsIn(
        mixed(new Int16Array(60_000), (n) => 6000 * (noise[n] ?? 0)),
        lexicon
      ),
      []
    )
  })

  it("when their beginning or end is cut off", () => {
    for (const word of words) {
      const sound = soundOf(word)
      for (const cut of [15, 25, 60, 120]) {
        const late = padded(sound.subarray(cut * 8), 400, 400)
        assert.deepStrictEqual(wordsIn(overTheLine(late), lexicon), [], `${word} without its first ${cut} ms`)
        const early = padded(sound.subarray(0, sound.length - cut * 8), 400, 400)
        assert.deepStrictEqual(wordsIn(overTheLine(early), lexicon), [], `${word} without its last ${cut} ms`)
      }
    }
  })

  it("when a frame of them is lost, but all others are", () => {
    const words = wordsOf("Hello there, can you move it?")
    const sound = soundOf(words.join(" "))
    for (let frame = 0; frame < Math.floor(sound.length / 160); frame++) {
      const silenced = sound.slice()
      silenced.fill(0, frame * 160, (frame + 1) * 160)
      const shortened = Int16Array.from([...sound.subarray(0, frame * 160), ...sound.subarray((frame + 1) * 160)])
      for (const [how, track] of [
        ["silent", silenced],
        ["left out", shortened]
      ] as const) {
        const heard = wordsIn(overTheLine(track), words)
        assert.isAtMost(missing(words, heard), 1, `frame ${frame} ${how}`)
        assert.strictEqual(missing(heard, words), 0, `frame ${frame} ${how}: ${heard.join(" ")}`)
      }
    }
  })
})

describe("a lexicon", () => {
  it("must not have two words with the same sound", () => {
    // Found by trying: 24 bits are few.
    const [one, other] = ["w3304", "w5283"]
    assert.throws(() => makeWordDecoder([one, other]), /sound the same/)
  })
})
