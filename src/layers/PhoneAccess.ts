/** Who may use the browser phone: settings and a token in, yes or no out. Owns no route and no call. */
import { Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import { type PhoneConfig } from "../services/PhoneConfig.ts"

/** Whether the browser phone is there, and for whom. */
export type PhoneAccess = PhoneConfig

/** Call parameter by which a client asks that its call may be followed. The carrier's own calls do not carry it. */
export const WATCH_PARAMETER = "watch"

/** Call parameter with the token. */
export const TOKEN_PARAMETER = "token"

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Whether someone who gives this token may come in; the time it takes tells nothing about the right one. */
export const admits = ({ enabled, token }: PhoneAccess, given: string | undefined): boolean =>
  enabled && (token === undefined || timingSafeEqual(digest(Redacted.value(token)), digest(given ?? "")))
