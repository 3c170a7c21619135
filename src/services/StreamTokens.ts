/** Contract: the tokens that tie a media stream to the verified webhook of its call. Owns tokens, not who is asked for them. */
import { Context, type Effect, type Option, type Redacted } from "effect"

/**
 * Why a token does not let a stream in.
 *
 * - `unknown call` — no token was made for this call
 * - `wrong token` — it is not the one of this call
 * - `expired token` — it came too late
 * - `used token` — a stream of this call has come in with it before
 */
export type TokenRefusal = "unknown call" | "wrong token" | "expired token" | "used token"

/** One token for each call, good for one stream. */
export class StreamTokens extends Context.Service<
  StreamTokens,
  {
    /** The token of a call: the same one again while it is good, none once it was used or has expired. */
    readonly mint: (callSid: string) => Effect.Effect<Option.Option<Redacted.Redacted>>
    /** Uses the token up; says why not if it is not good. */
    readonly redeem: (callSid: string, token: string) => Effect.Effect<Option.Option<TokenRefusal>>
  }
>()("parley/services/StreamTokens") {}
