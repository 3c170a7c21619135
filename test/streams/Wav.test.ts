import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema, Stream } from "effect"
import { type PcmAudio } from "../../src/schema/Audio.ts"
import { WavError } from "../../src/schema/WavError.ts"
import { decodeMulaw } from "../../src/streams/Mulaw.ts"
import { decodeWav, encodeWav, end, initial, step, wavStrip } from "../../src/streams/Wav.ts"

const bytesOf = (text: string): ReadonlyArray<number> => [...Buffer.from(text, "latin1")]
const u16 = (value: number): ReadonlyArray<number> => [value & 0xff, (value >> 8) & 0xff]
const u32 = (value: number): ReadonlyArray<number> => [...u16(value & 0xffff), ...u16(value >>> 16)]

const pcm = (samples: Iterable<number>): ReadonlyArray<number> => [...samples].flatMap((sample) => u16(sample & 0xffff))

const chunk = (id: string, body: ReadonlyArray<number>, size = body.length): ReadonlyArray<number> => [
  ...bytesOf(id),
  ...u32(size),
  ...body,
  ...(size % 2 === 1 && size === body.length ? [0] : [])
]

const format = (
  { code = 1, channels = 1, rate = 24_000, bits = 16 } = {},
  extension: ReadonlyArray<number> = []
): ReadonlyArray<number> => {
  const frame = (channels * bits) / 8
  return chunk("fmt ", [
    ...u16(code),
    ...u16(channels),
    ...u32(rate),
    ...u32(rate * frame),
    ...u16(frame),
    ...u16(bits),
    ...extension
  ])
}

const riff = (...chunks: ReadonlyArray<ReadonlyArray<number>>): Uint8Array => {
  const body = [...bytesOf("WAVE"), ...chunks.flat()]
  return Uint8Array.from([...bytesOf("RIFF"), ...u32(body.length), ...body])
}

/** Samples whose bytes never look like text. */
const sound = Int16Array.from({ length: 300 }, (_, i) => ((i * 7919) % 4000) - 2000)

const silence = new Int16Array(40)

const list = chunk("LIST", bytesOf("INFOISFT\x05\0\0\0Maker\0"))

const samplesOf = (audio: ReadonlyArray<PcmAudio>): Int16Array =>
  Int16Array.from(audio.flatMap((piece) => [...piece.samples]))

/** What an item of these pieces sounds like: its samples joined, and its rates. */
const play = (pieces: ReadonlyArray<Uint8Array>, defaultRate = 24_000) => {
  const heard: Array<PcmAudio> = []
  let state = initial(defaultRate)
  for (const piece of pieces) {
    const [next, audio] = Result.getOrThrow(step(state, piece))
    state = next
    heard.push(...audio)
  }
  heard.push(...Result.getOrThrow(end(state)))
  return {
    samples: samplesOf(heard),
    rates: new Set(heard.map(({ sampleRate }) => sampleRate))
  }
}

const messageOf = (result: Result.Result<unknown, WavError>): string =>
  Result.match(result, { onFailure: (error) => error.message, onSuccess: () => "no failure" })

const stripped = (bytes: Uint8Array) => Result.flatMap(step(initial(24_000), bytes), ([state]) => end(state))

describe("Wav, one item at a time", () => {
  const items: ReadonlyArray<readonly [string, Uint8Array, number, Int16Array]> = [
    ["no header", Uint8Array.from(pcm(sound)), 24_000, sound],
    ["a plain header", riff(format({ rate: 22_050 }), chunk("data", pcm(sound))), 22_050, sound],
    [
      "chunks around the audio",
      riff(list, format(), chunk("fact", u32(300)), chunk("data", pcm(sound)), list),
      24_000,
      sound
    ],
    ["data size 0", riff(format(), chunk("data", pcm(sound), 0)), 24_000, sound],
    ["data size 0xFFFFFFFF", riff(format(), chunk("data", pcm(sound), 0xffff_ffff)), 24_000, sound],
    ["a data size larger than the audio", riff(format(), chunk("data", pcm(sound), 5000)), 24_000, sound],
    ["audio that goes on after its size", riff(format(), chunk("data", pcm(sound), 100)), 24_000, sound],
    [
      "silence that goes on after its size",
      riff(format(), chunk("data", pcm([...sound, ...silence]), 2 * sound.length)),
      24_000,
      Int16Array.from([...sound, ...silence])
    ],
    [
      "audio that goes on after its size and begins with letters",
      riff(format(), chunk("data", pcm([...sound, 0x6261, 0x6463, 1, -1, 5]), 2 * sound.length)),
      24_000,
      Int16Array.from([...sound, 0x6261, 0x6463, 1, -1, 5])
    ],
    [
      "chunks of odd lengths",
      riff(chunk("note", [1, 2, 3]), format({}, [0]), chunk("note", [4]), chunk("data", pcm(sound))),
      24_000,
      sound
    ],
    ["an empty data chunk, then another chunk", riff(format(), chunk("data", []), list), 24_000, new Int16Array(0)],
    [
      "two files in a row",
      Uint8Array.from([
        ...riff(format({ rate: 8000 }), chunk("data", pcm(sound.subarray(0, 100)))),
        ...riff(list, format({ rate: 8000 }), chunk("data", pcm(sound.subarray(100)))).fill(0xff, 4, 8)
      ]),
      8000,
      sound
    ],
    [
      "stereo",
      riff(format({ channels: 2 }), chunk("data", pcm([...sound].flatMap((sample) => [sample + 500, sample - 500])))),
      24_000,
      sound
    ],
    [
      "mu-law of an odd length, and a padding byte before the next chunk",
      riff(
        format({ code: 7, bits: 8, rate: 8000 }),
        chunk(
          "data",
          [...Array(201).keys()].map((i) => i + 40)
        ),
        list
      ),
      8000,
      decodeMulaw(Uint8Array.from({ length: 201 }, (_, i) => i + 40))
    ],
    [
      "an extensible format",
      riff(
        format({ code: 0xfffe }, [
          ...u16(22),
          ...u16(16),
          ...u32(4),
          ...u16(1),
          ...bytesOf("\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71")
        ]),
        chunk("data", pcm(sound))
      ),
      24_000,
      sound
    ],
    [
      "samples that begin like a header",
      Uint8Array.from([...bytesOf("RIFFabcdWAVX"), ...pcm(sound)]),
      24_000,
      Int16Array.from([...new Int16Array(Uint8Array.from(bytesOf("RIFFabcdWAVX")).buffer), ...sound])
    ],
    ["a single sample that begins like a header", Uint8Array.from(bytesOf("RI")), 24_000, Int16Array.of(0x4952)],
    ["an odd last byte", Uint8Array.from([...pcm(sound), 1]), 24_000, sound],
    ["no bytes", new Uint8Array(0), 24_000, new Int16Array(0)]
  ]

  it.each(items)("%s: reads the same however it is cut", (_, bytes, rate, samples) => {
    const whole = play([bytes])
    assert.deepStrictEqual(whole.samples, samples)
    assert.deepStrictEqual([...whole.rates], samples.length > 0 ? [rate] : [])
    assert.deepStrictEqual(play([...bytes].map((byte) => Uint8Array.of(byte))), whole)
    for (let at = 0; at <= Math.min(bytes.length, 120); at++) {
      assert.deepStrictEqual(play([bytes.subarray(0, at), bytes.subarray(at)]), whole, `cut at ${at}`)
    }
  })

  const cuts = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 90 }))), {
    maxLength: 40
  })

  it.prop("reads every item the same in any pieces", { cuts }, ({ cuts }) => {
    for (const [name, bytes] of items) {
      let at = 0
      const pieces = cuts.map((length) => bytes.subarray(at, (at += length)))
      assert.deepStrictEqual(play([...pieces, bytes.subarray(at)]), play([bytes]), name)
    }
  })

  it("holds nothing back once it is sure", () => {
    const [, first] = Result.getOrThrow(step(initial(8000), Uint8Array.of(0x52, 0x00, 0x01)))
    assert.deepStrictEqual(first, [{ samples: Int16Array.of(0x52), sampleRate: 8000 }])
    const header = riff(format(), chunk("data", [], 0xffff_ffff))
    const [state, none] = Result.getOrThrow(step(initial(8000), header))
    assert.deepStrictEqual(none, [])
    const [, audio] = Result.getOrThrow(step(state, Uint8Array.of(1, 0, 2)))
    assert.deepStrictEqual(audio, [{ samples: Int16Array.of(1), sampleRate: 24_000 }])
  })

  it("keeps neither its state nor its held bytes in the producer's buffer", () => {
    const buffer = Buffer.from([1, 0, 2])
    const [state] = Result.getOrThrow(step(initial(8000), buffer))
    buffer.fill(9)
    const second = () => Result.getOrThrow(step(state, Uint8Array.of(1)))[1]
    assert.deepStrictEqual(second(), [{ samples: Int16Array.of(0x0102), sampleRate: 8000 }])
    assert.deepStrictEqual(second(), second())
  })

  it("says what it found and what it expected", () => {
    const data = chunk("data", pcm(sound))
    const cases: ReadonlyArray<readonly [Uint8Array, string]> = [
      [riff(format({ code: 3, bits: 32 }), data), "found 32-bit floating point, expected 16-bit PCM or 8-bit mu-law"],
      [riff(format({ bits: 24 }), data), "found 24-bit PCM, expected 16-bit PCM or 8-bit mu-law"],
      [riff(format({ code: 999 }), data), "found 16-bit format 999, expected 16-bit PCM or 8-bit mu-law"],
      [riff(format({ channels: 0 }), data), "found 0 channels, expected at least 1"],
      [riff(format({ rate: 0 }), data), "found a sample rate of 0 Hz, expected 1 to 384000 Hz"],
      [riff(chunk("fmt ", [1, 0, 1, 0]), data), "found a format chunk of 4 bytes, expected at least 16"],
      [riff(data, format()), "found audio before its format, expected a format chunk first"],
      [riff(format(), list), "found the end of the bytes, expected a header with an audio chunk after it"],
      [riff().subarray(0, 6), "found the end of the bytes, expected a header with an audio chunk after it"]
    ]
    for (const [bytes, message] of cases) {
      assert.strictEqual(messageOf(stripped(bytes)), `Unusable WAV audio: ${message}`)
    }
  })

  it.effect("strips a stream, every run from its beginning", () =>
    Effect.gen(function* () {
      const bytes = riff(format({ rate: 16_000 }), chunk("data", pcm(sound)))
      const stream = Stream.make(bytes.subarray(0, 3), bytes.subarray(3, 61), bytes.subarray(61)).pipe(wavStrip(24_000))
      for (const audio of [yield* Stream.runCollect(stream), yield* Stream.runCollect(stream)]) {
        assert.isTrue(audio.every(({ sampleRate }) => sampleRate === 16_000))
        assert.deepStrictEqual(samplesOf(audio), sound)
      }
      const short = yield* Stream.make(Uint8Array.from(bytesOf("RI"))).pipe(wavStrip(8000), Stream.runCollect)
      assert.deepStrictEqual(short, [{ samples: Int16Array.of(0x4952), sampleRate: 8000 }])
    })
  )

  it.effect("fails the stream for bad headers, and lets what fails before it through", () =>
    Effect.gen(function* () {
      const float = riff(format({ code: 3, bits: 32 }))
      const bad = yield* Stream.make(float).pipe(wavStrip(8000), Stream.runCollect, Effect.flip)
      assert.instanceOf(bad, WavError)
      assert.strictEqual(bad.found, "32-bit floating point")
      const cut = yield* Stream.make(riff(format())).pipe(wavStrip(8000), Stream.runCollect, Effect.flip)
      assert.strictEqual(cut.found, "the end of the bytes")
      const lost = yield* Stream.make(riff(format())).pipe(
        Stream.concat(Stream.fail("lost" as const)),
        wavStrip(8000),
        Stream.runCollect,
        Effect.flip
      )
      assert.strictEqual(lost, "lost")
    })
  )
})

describe("Wav, whole files", () => {
  const tracks = Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -32_768, maximum: 32_767 }))))

  it.prop(
    "decodes what it encoded, short channels filled up",
    { tracks, rate: Schema.Literals([8000, 44_100]) },
    ({ tracks, rate }) => {
      const channels = [...tracks.map((track) => Int16Array.from(track)), new Int16Array(3)]
      const length = Math.max(...channels.map((channel) => channel.length))
      const decoded = Result.getOrThrow(decodeWav(encodeWav({ channels, sampleRate: rate })))
      const filled = channels.map((channel) => Int16Array.from({ length }, (_, i) => channel[i] ?? 0))
      assert.deepStrictEqual(decoded, { channels: filled, sampleRate: rate })
    }
  )

  it("writes the canonical header", () => {
    const file = encodeWav({ channels: [Int16Array.of(1, -2), Int16Array.of(3, 4)], sampleRate: 8000 })
    const expected = riff(format({ channels: 2, rate: 8000 }), chunk("data", pcm([1, 3, -2, 4])))
    assert.deepStrictEqual(file, expected)
  })

  it("reads files it did not write", () => {
    const file = riff(
      list,
      format({ code: 7, bits: 8, rate: 8000, channels: 2 }),
      chunk("data", [0, 255, 128, 127]),
      list
    )
    assert.deepStrictEqual(Result.getOrThrow(decodeWav(file)), {
      channels: [Int16Array.of(-32_124, 32_124), Int16Array.of(0, 0)],
      sampleRate: 8000
    })
    assert.deepStrictEqual(Result.getOrThrow(decodeWav(riff(format({ channels: 2 }), chunk("data", [])))), {
      channels: [new Int16Array(0), new Int16Array(0)],
      sampleRate: 24_000
    })
    assert.deepStrictEqual(Result.getOrThrow(decodeWav(riff(format(), chunk("data", pcm(sound), 601)))).channels, [
      sound
    ])
  })

  it("says in one sentence why a file cannot be read", () => {
    const file = riff(format(), chunk("data", pcm(sound)))
    const cases: ReadonlyArray<readonly [Uint8Array, string]> = [
      [Uint8Array.from(bytesOf("ID3\x03 not a wave file")), "found no RIFF/WAVE header, expected one at the start"],
      [new Uint8Array(0), "found no bytes at all, expected a header with an audio chunk after it"],
      [Uint8Array.from(bytesOf("RI")), "found the end of the bytes, expected a header with an audio chunk after it"],
      [riff(format()), "found the end of the bytes, expected a header with an audio chunk after it"],
      [
        riff(format({ code: 6, bits: 8 }), chunk("data", [1])),
        "found 8-bit A-law, expected 16-bit PCM or 8-bit mu-law"
      ],
      [Uint8Array.from([...file, ...file]), "found a second file behind the first, expected one file"]
    ]
    for (const [bytes, message] of cases) {
      assert.strictEqual(messageOf(decodeWav(bytes)), `Unusable WAV audio: ${message}`)
    }
  })

  it("refuses to write what is no audio", () => {
    assert.throws(() => encodeWav({ channels: [], sampleRate: 8000 }), RangeError, "found no channels")
    assert.throws(() => encodeWav({ channels: [sound], sampleRate: 0.5 }), RangeError, "found a rate of 0.5")
  })
})
