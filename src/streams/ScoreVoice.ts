/** Windows of caller audio in, the probability of a voice in each out; owns when the scorer starts afresh, not how it scores. */
import { Effect, Stream } from "effect"
import { type VoiceScore, type VoiceWindow } from "../schema/Audio.ts"
import { type VoiceActivityError } from "../schema/Errors.ts"
import { type VoiceScorer } from "../services/VoiceActivity.ts"
import { type Stage } from "./Stage.ts"

/**
 * Scores windows one by one, in order, with a scorer of their own; a discontinuous window is scored as the first one.
 *
 * Fails with the first window that cannot be scored.
 */
export const scoreVoice = (scorer: VoiceScorer): Stage<VoiceWindow, VoiceScore, VoiceActivityError> =>
  Stream.mapEffect((window: VoiceWindow) => scoreWindow(scorer, window))

/** Scores one window, forgetting what came before if there is a gap before it. */
export const scoreWindow = (
  scorer: VoiceScorer,
  window: VoiceWindow
): Effect.Effect<VoiceScore, VoiceActivityError> => {
  const score = Effect.map(scorer.score(window.samples), (probability) => ({ atMs: window.atMs, probability }))
  return window.discontinuous ? Effect.andThen(scorer.reset, score) : score
}
