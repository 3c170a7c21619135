/** The caller's recording in, which words of which reply were really heard out. Pure; asks nobody but the samples. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type ReplyReport } from "./CallReport.ts"
import { wordsIn } from "./WordHearing.ts"
import { lexiconOf, wordsOf } from "./WordSound.ts"

/** What was heard of a reply, and all that was to be. */
export interface WordsHeard {
  readonly reply: ReplyReport
  readonly heard: ReadonlyArray<string>
  readonly generated: ReadonlyArray<string>
}

/** Silence within a track that is no part of its sound, in samples: no sound has as many zeros in a row. */
const GAP = 4

/** Takes out what is perfectly silent: a word that was interrupted and gone on with was heard all the same. */
const compact = (track: Int16Array): Int16Array => {
  const samples = new Int16Array(track.length)
  let length = 0
  for (let from = 0; from < track.length;) {
    let until = from
    while (until < track.length && track[until] === 0) until++
    const start = until - from >= GAP ? until : from
    while (until < track.length && track[until] !== 0) until++
    samples.set(track.subarray(start, until), length)
    length += until - start
    from = until
  }
  return samples.subarray(0, length)
}

/** How much earlier than it is told to have begun a reply may be heard, in milliseconds. */
const ROUNDING_MS = 1

/**
 * The words of each reply, as they are on the caller's track (8 kHz PCM): from its first audio to that of the next reply,
 * so words that are of another reply are told with the one they were heard in.
 */
export const wordsHeardIn = (track: Int16Array, replies: ReadonlyArray<ReplyReport>): ReadonlyArray<WordsHeard> => {
  const lexicon = lexiconOf(...replies.map(({ generated }) => generated))
  const sampleAt = (ms: number): number => Math.max(0, Math.round((ms - ROUNDING_MS) * BYTES_PER_MS))
  const audible = replies.flatMap((reply) => (reply.audibleMs === undefined ? [] : [{ reply, atMs: reply.audibleMs }]))
  return audible.map(({ atMs, reply }, index) => {
    const next = audible[index + 1]
    const heard = track.subarray(sampleAt(atMs), next === undefined ? track.length : sampleAt(next.atMs))
    return { reply, heard: wordsIn(compact(heard), lexicon), generated: wordsOf(reply.generated) }
  })
}
