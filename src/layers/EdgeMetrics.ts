/** What the edge counts: those who were refused, by reason, and how late the process is. */
import { type Effect, Metric } from "effect"

/** Webhook requests that were refused. */
export const webhooksRefused = Metric.counter("parley_webhooks_refused", {
  description: "Webhook requests that were not the carrier's, by reason",
  incremental: true
})

/** Media streams, and pages that would follow one, that were refused. */
export const streamsRefused = Metric.counter("parley_streams_refused", {
  description: "Media streams that were closed before or instead of a call, and pages not shown one, by reason",
  incremental: true
})

/** Calls that were answered with the fallback. */
export const callsTurnedAway = Metric.counter("parley_calls_turned_away", {
  description: "Calls that were answered with the fallback, by reason",
  incremental: true
})

/** Lag of the event loop in milliseconds, mean of a second. */
export const loopLag = Metric.gauge("parley_event_loop_lag_ms", {
  description: "Lag of the event loop in milliseconds, mean of a second"
})

const count =
  (counter: Metric.Counter<number>) =>
  (reason: string): Effect.Effect<void> =>
    Metric.update(Metric.withAttributes(counter, { reason }), 1)

/** Counts a webhook request that was refused. Reasons are few and our own words, here and below. */
export const countWebhookRefused = count(webhooksRefused)

/** Counts a media stream that was refused. */
export const countStreamRefused = count(streamsRefused)

/** Counts a call that was answered with the fallback. */
export const countCallTurnedAway = count(callsTurnedAway)
