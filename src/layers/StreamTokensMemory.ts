/** Makes tokens for media streams and keeps them in the memory of this process, each until it is used or a minute old. */
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { StreamTokens } from "../services/StreamTokens.ts"

/** How long a token is good, in milliseconds: the carrier connects within seconds of reading the call document. */
const LIFETIME_MS = 60_000

/** Calls that are remembered, so that a webhook of theirs that is replayed makes no second token: a few MB. */
const REMEMBERED = 20_000

/** What is known of a call's token. */
interface Entry {
  readonly token: Redacted.Redacted
  readonly expiresMs: number
  used: boolean
}

const makeToken = (): Redacted.Redacted =>
  Redacted.make(randomBytes(24).toString("base64url"), { label: "stream token" })

/** Digests have one length, so that comparing them tells nothing about the token's. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

const isSame = (token: Redacted.Redacted, given: string): boolean =>
  timingSafeEqual(digest(Redacted.value(token)), digest(given))

/** No tokens at first. A token that was used or has expired stays so: its call gets no other one while it is remembered. */
export const layer: Layer.Layer<StreamTokens> = Layer.sync(StreamTokens, () => {
  const entries = new Map<string, Entry>()

  const remember = (callSid: string, entry: Entry): void => {
    entries.set(callSid, entry)
    const [oldest] = entries.keys()
    if (entries.size > REMEMBERED && oldest !== undefined) entries.delete(oldest)
  }

  return StreamTokens.of({
    mint: (callSid) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => {
        const known = entries.get(callSid)
        if (known !== undefined) {
          return known.used || nowMs >= known.expiresMs ? Option.none() : Option.some(known.token)
        }
        const token = makeToken()
        remember(callSid, { token, expiresMs: nowMs + LIFETIME_MS, used: false })
        return Option.some(token)
      }),
    redeem: (callSid, token) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => {
        const known = entries.get(callSid)
        if (known === undefined) return Option.some("unknown call")
        if (!isSame(known.token, token)) return Option.some("wrong token")
        if (known.used) return Option.some("used token")
        if (nowMs >= known.expiresMs) return Option.some("expired token")
        known.used = true
        return Option.none()
      })
  })
})
