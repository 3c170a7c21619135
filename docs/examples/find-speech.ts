/** Finds the speech in a recording: node docs/examples/find-speech.ts recording.wav */
import { Console, Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import { PHONE_RATE, Resample, ScoreVoice, SileroVoiceActivity, VoiceActivity, VoiceWindows, Wav } from "parley"

const program = Effect.gen(function* () {
  const { channels, sampleRate } = yield* Effect.fromResult(
    Wav.decodeWav(readFileSync(process.argv[2] ?? "recording.wav"))
  )
  const scorer = yield* (yield* VoiceActivity).open

  const speech = yield* Stream.fromIterable(channels.slice(0, 1)).pipe(
    Resample.resample(sampleRate, PHONE_RATE),
    Stream.map((samples) => ({ atMs: 0, samples })),
    VoiceWindows.voiceWindows,
    ScoreVoice.scoreVoice(scorer),
    Stream.filter(({ probability }) => probability > 0.6),
    Stream.runCollect
  )
  const from = speech.at(0)?.atMs
  yield* Console.log(
    from === undefined ? "No speech." : `Speech from ${from} ms to ${speech.at(-1)?.atMs} ms, ${speech.length} windows.`
  )
})

Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(SileroVoiceActivity.layerFrom())))
