/** The knobs of the edge — who may call, how many at once, how the process leaves — with their units and defaults; data only. */
import { Duration, type Redacted } from "effect"

/** What the carrier's requests are verified with. */
export interface Verification {
  /** Origin that the carrier's requests are made to, and so signed for. `PUBLIC_URL` */
  readonly origin: URL
  /** Auth tokens that may have signed them: during a rotation there are two. `TWILIO_AUTH_TOKEN`, `…_SECONDARY` */
  readonly authTokens: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]
}

/** How the server treats those who want in. */
export interface EdgeSettings {
  /** Undefined: nothing is verified, everybody who reaches the server may call. */
  readonly verification: Verification | undefined
  /** The carrier's account, for who looks after it; calls do without. `TWILIO_ACCOUNT_SID` */
  readonly accountSid: string | undefined
  /** E.164 number that rings for calls that cannot be held here; undefined: an apology is said. `FALLBACK_NUMBER` */
  readonly fallbackNumber: string | undefined
  /** From a media stream's connection to its `start`. `START_DEADLINE_MS` */
  readonly startDeadline: Duration.Duration
  /** Media streams of one address that have not started yet. `MAX_PENDING_PER_ADDRESS` */
  readonly maxPendingPerAddress: number
  /** Calls at the same time. `MAX_CALLS` */
  readonly maxCalls: number
  /** Lag of the event loop, in milliseconds, above which no call is taken; 0: it does not matter. `MAX_LAG_MS` */
  readonly maxLagMs: number
  /** How long running calls may go on once the process is told to stop. `DRAIN_LIMIT` */
  readonly drainLimit: Duration.Duration
}

/** What holds when nothing is configured. */
export const defaultEdgeSettings: EdgeSettings = {
  verification: undefined,
  accountSid: undefined,
  fallbackNumber: undefined,
  startDeadline: Duration.seconds(5),
  maxPendingPerAddress: 20,
  maxCalls: 200,
  maxLagMs: 100,
  drainLimit: Duration.minutes(10)
}
