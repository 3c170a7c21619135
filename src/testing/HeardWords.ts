/** The caller's recording in, which words of which reply were really heard out. Pure; asks nobody but the samples. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type CallReport, type ReplyReport } from "./CallReport.ts"
import { hearWords } from "./WordHearing.ts"
import { lexiconOf, wordsOf } from "./WordSound.ts"

/** What was heard of a reply, and all that was to be. */
export interface HeardReply {
  readonly reply: ReplyReport
  readonly heard: ReadonlyArray<string>
  readonly generated: ReadonlyArray<string>
}

/** Silence within a track that is no part of its sound, in samples. */
const GAP = 10 * BYTES_PER_MS

/** A track without its silences, and where what is left of it was. */
interface Compact {
  readonly samples: Int16Array
  /** Milliseconds of the track for milliseconds of what is left. */
  readonly timeOf: (ms: number) => number
}

/** Takes out what is perfectly silent: a word that was interrupted and gone on with was heard all the same. */
const compact = (track: Int16Array): Compact => {
  const samples = new Int16Array(track.length)
  /** Where each stretch begins: in what is left, and in the track. */
  const stretches: Array<readonly [left: number, track: number]> = []
  let left = 0
  for (let from = 0; from < track.length; ) {
    let until = from
    while (until < track.length && track[until] === 0) until++
    const silent = until - from
    if (silent >= GAP) from = until
    let end = until
    while (end < track.length && track[end] !== 0) end++
    stretches.push([left, from])
    samples.set(track.subarray(from, end), left)
    left += end - from
    from = end
  }
  const timeOf = (ms: number): number => {
    const sample = ms * BYTES_PER_MS
    const stretch = stretches.findLast(([start]) => start <= sample) ?? [0, 0]
    return (stretch[1] + sample - stretch[0]) / BYTES_PER_MS
  }
  return { samples: samples.subarray(0, left), timeOf }
}

/** Slack for words that begin with a reply's first sample, in milliseconds. */
const EDGE_MS = 10

/** The words of each reply as the caller heard them; words of replies that the agent never told the end of are left out. */
export const wordsHeardIn = ({ call, replies }: CallReport): ReadonlyArray<HeardReply> => {
  const { samples, timeOf } = compact(call.recording.agent())
  const words = hearWords(samples, lexiconOf(...replies.map(({ generated }) => generated)))
  const audible = replies.filter((reply) => reply.audibleMs !== undefined)
  return audible.map((reply, index) => {
    const fromMs = (reply.audibleMs ?? 0) - EDGE_MS
    const untilMs = (audible[index + 1]?.audibleMs ?? Number.POSITIVE_INFINITY) - EDGE_MS
    const heard = words.filter(({ startMs }) => timeOf(startMs) >= fromMs && timeOf(startMs) < untilMs)
    return { reply, heard: heard.map(({ word }) => word), generated: wordsOf(reply.generated) }
  })
}
