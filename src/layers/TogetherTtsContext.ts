/**
 * The items of one synthesis context in, whose sentence each piece of speech belongs to and whether all of it came out.
 *
 * The service answers a commit with items, and says `done` after each; it never says that a commit is finished. Every
 * sentence is a commit of its own, so as a rule one `done` is one sentence, and counting them is exact. Where it may
 * not be, audio is weighed against the sentence's length, see {@link PLAUSIBLE}. Pure; owns no clock and no decision
 * about what to send.
 */
import { Result } from "effect"
import { TTS_RATE } from "../schema/TogetherTts.ts"
import { type WavError } from "../schema/WavError.ts"
import { type SpeechAudio } from "../services/TextToSpeech.ts"
import * as Wav from "../streams/Wav.ts"

/** A sentence as it is sent. `index` is its position in the reply. */
export interface Sentence {
  readonly index: number
  readonly text: string
  /** How long it should take to say, in milliseconds. */
  readonly expectedMs: number
  /** Whether the service has reason to make several items of it. */
  readonly divisible: boolean
  /** How often its synthesis failed. */
  readonly failures: number
  /** How often the connection was lost before any of it was heard. */
  readonly losses: number
}

/** A sentence that was committed, and how much of its audio came, in milliseconds. */
export interface Sent {
  readonly sentence: Sentence
  readonly receivedMs: number
}

/** What has been learned in this call about how the service answers. */
export interface Habits {
  /** Whether `done` comes at all. */
  readonly dones: "unknown" | "come" | "never"
  /** A commit makes one item, even when its text could be divided. */
  readonly whole: boolean
  /** A commit may make several items: counting is not exact. Outweighs `whole`. */
  readonly splits: boolean
}

interface Item {
  readonly id: string | undefined
  /** The sentence it began with, as a position in `sent`. */
  readonly at: number
  readonly wav: Wav.WavState
}

/** What is known of a context. Times are milliseconds on the caller's clock. */
export interface ContextState {
  /** Everything committed in it, in order. */
  readonly sent: ReadonlyArray<Sent>
  /** Position in `sent` of the sentence the next audio belongs to; all before it are finished. */
  readonly current: number
  /** Commits that are still to be answered by a `done`. */
  readonly owed: number
  readonly dones: number
  /** The item that audio is coming for. */
  readonly item: Item | undefined
  /** The item before it, when it was never closed. */
  readonly unclosed: string | undefined
  /** When something last happened: the first commit after a rest, audio, a `done`. */
  readonly quietSince: number
  /** It was quiet for so long after that, that nothing more is expected. */
  readonly settled: boolean
  readonly habits: Habits
}

/** Nothing known yet. */
export const initialHabits: Habits = { dones: "unknown", whole: false, splits: false }

/** A context in which nothing was committed. */
export const initial = (habits: Habits): ContextState => ({
  sent: [],
  current: 0,
  owed: 0,
  dones: 0,
  item: undefined,
  unclosed: undefined,
  quietSince: 0,
  settled: false,
  habits
})

/** Usual speed of speech, in characters a second. */
const CHARACTERS_PER_SECOND = 15

/**
 * The least part of its expected duration that a complete sentence takes; nobody speaks faster than this.
 *
 * A sentence that `done` may have closed too early counts as finished from here on, and a reply whose items came
 * shorter than this is waited with for a little, in case there are more.
 */
export const PLAUSIBLE = 0.6

/** How long a sentence may take before the next one must have begun, when nothing but length can tell, in milliseconds. */
const overrunMs = ({ dones }: Habits, { expectedMs }: Sentence): number => {
  switch (dones) {
    case "come":
      return Infinity
    case "never":
      return 1.5 * expectedMs
    // Numbers and initials take long; a `done` that comes after all is better than a guess.
    case "unknown":
      return 3 * expectedMs + 1000
  }
}

/** Length that the service divides whatever the text looks like. */
const PARTIAL_LENGTH = 250

/** The end of a sentence, or what looks like one, with more to say behind it. */
const innerEnd = /(?:[.!?…]["'”’)\]]*\s|[。！？])[\s\S]*[\p{L}\p{N}]/u

/** The sentence at position `index` of a reply. */
export const sentence = (index: number, text: string): Sentence => ({
  index,
  text,
  expectedMs: (text.length / CHARACTERS_PER_SECOND) * 1000,
  divisible: text.length > PARTIAL_LENGTH || innerEnd.test(text),
  failures: 0,
  losses: 0
})

/** Whether everything committed so far was answered, as far as counting can tell. */
export const answered = (state: ContextState): boolean => state.owed === 0 && state.item === undefined

/** Whether no more audio will come: the count says so and can be trusted, or it was quiet for long enough. */
export const over = (state: ContextState): boolean =>
  state.settled ||
  (answered(state) &&
    state.current >= state.sent.length &&
    !state.habits.splits &&
    (state.habits.whole || (state.sent.every(({ sentence }) => !sentence.divisible) && plausible(state.sent))))

/** Whether the sentences that have audio have enough of it. */
const plausible = (sent: ReadonlyArray<Sent>): boolean => {
  const spoken = sent.filter(({ receivedMs }) => receivedMs > 0)
  const received = spoken.reduce((sum, { receivedMs }) => sum + receivedMs, 0)
  return received >= PLAUSIBLE * spoken.reduce((sum, { sentence }) => sum + sentence.expectedMs, 0)
}

/** Whether what is not finished has enough audio to be over, `done` or not. */
export const outstandingPlausible = (state: ContextState): boolean => {
  const rest = state.sent.slice(state.item?.at ?? state.current)
  const received = rest.reduce((sum, { receivedMs }) => sum + receivedMs, 0)
  return rest.length === 1
    ? received > 0
    : received >= PLAUSIBLE * rest.reduce((sum, { sentence }) => sum + sentence.expectedMs, 0)
}

/** Whether audio is waited for that has not begun. */
export const silent = (state: ContextState): boolean =>
  state.item === undefined && state.sent[state.current]?.receivedMs === 0

/** The unfinished sentences, in order. */
export const unfinished = (state: ContextState): ReadonlyArray<Sent> => state.sent.slice(state.current)

/** A sentence was committed at `now`. */
export const committed = (state: ContextState, sentence: Sentence, now: number): ContextState => ({
  ...state,
  sent: [...state.sent, { sentence, receivedMs: 0 }],
  owed: state.owed + 1,
  quietSince: answered(state) ? now : state.quietSince,
  settled: false
})

/** Ends the item: its sentence is finished, if the item was all of it. */
const close = (state: ContextState): ContextState => {
  const at = state.item?.at ?? state.current
  const sent = state.sent[at]
  if (sent === undefined) return { ...state, item: undefined }
  const { splits, whole } = state.habits
  const exact = !splits && (!sent.sentence.divisible || whole)
  const finished = exact || sent.receivedMs >= PLAUSIBLE * sent.sentence.expectedMs
  return { ...state, item: undefined, current: finished ? Math.max(state.current, at + 1) : state.current }
}

/** A `done` came at `now`. Without an id it closes the item that is open. */
export const done = (before: ContextState, id: string | undefined, now: number): ContextState => {
  const dones = before.dones + 1
  const splits = before.habits.splits || dones > before.sent.length
  const habits = { ...before.habits, dones: "come" as const, splits }
  const state = { ...before, dones, quietSince: now, settled: false, habits }
  const late = id !== undefined && id === before.unclosed && before.item !== undefined && id !== before.item.id
  return late ? { ...state, unclosed: undefined } : close({ ...state, owed: Math.max(0, before.owed - 1) })
}

const lengthMs = (pieces: ReadonlyArray<{ readonly samples: Int16Array; readonly sampleRate: number }>): number =>
  pieces.reduce((sum, { sampleRate, samples }) => sum + (samples.length * 1000) / sampleRate, 0)

/** Speech that came, and how much of it, in milliseconds. */
export interface Heard {
  readonly state: ContextState
  readonly pieces: ReadonlyArray<SpeechAudio>
  readonly durationMs: number
}

/** Audio of an item came at `now`; `bytes` may be cut anywhere. Fails if its header tells of something unplayable. */
export const heard = (
  before: ContextState,
  id: string | undefined,
  bytes: Uint8Array,
  now: number
): Result.Result<Heard, WavError> => {
  if (before.sent.length === 0) return Result.succeed({ state: before, pieces: [], durationMs: 0 })
  const last = before.item
  const same = last !== undefined && (id === undefined || last.id === undefined || id === last.id)
  // An item that begins while another is open ends it, and stands for the `done` that did not come.
  const state: ContextState =
    same || last === undefined ? before : { ...close(before), owed: Math.max(0, before.owed - 1), unclosed: last.id }
  // All sentences are finished and there is more: one of them was more than one item.
  const beyond = state.current >= state.sent.length
  const at = beyond ? state.sent.length - 1 : state.current
  const item = same ? last : { id, at, wav: Wav.initial(TTS_RATE) }
  return Result.map(Wav.step(item.wav, bytes), ([wav, audio]) => {
    const durationMs = lengthMs(audio)
    const index = state.sent[at]?.sentence.index ?? 0
    const next = advanceOverrun(
      {
        ...state,
        sent: state.sent.map((sent, i) => (i === at ? { ...sent, receivedMs: sent.receivedMs + durationMs } : sent)),
        item: { ...item, wav },
        quietSince: now,
        settled: false,
        habits: beyond ? { ...state.habits, splits: true } : state.habits
      },
      at
    )
    return { state: next, pieces: audio.map((piece) => ({ ...piece, sentence: index })), durationMs }
  })
}

/** Where items are not told apart, length alone tells when the next sentence has begun. */
const advanceOverrun = (state: ContextState, at: number): ContextState => {
  const sent = state.sent[at]
  const over =
    sent !== undefined && at + 1 < state.sent.length && sent.receivedMs >= overrunMs(state.habits, sent.sentence)
  return over ? { ...state, current: at + 1 } : state
}

/** What it says about the service that nothing more came. */
const habitsAfter = (state: ContextState): Habits => {
  const { habits } = state
  if (state.dones === 0 && habits.dones === "unknown") return { ...habits, dones: "never" }
  const whole = !habits.splits && answered(state) && state.dones === state.sent.length
  return whole ? { ...habits, whole } : habits
}

/** Nothing came for long enough: all that was committed counts as spoken. */
export const settled = (state: ContextState): ContextState => ({
  ...state,
  current: state.sent.length,
  owed: 0,
  item: undefined,
  settled: true,
  habits: habitsAfter(state)
})
