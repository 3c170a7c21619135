/** A script in, the finished call out, placed as the carrier does; what goes wrong with that as sentences. Owns no script and no measurement. */
import { Effect, Predicate, type Scope } from "effect"
import { type HttpClient } from "effect/http"
import { type ConnectError, connectSocket } from "../testing/CarrierConnection.ts"
import { httpCall, type Sign, type WebhookError } from "../testing/HttpCall.ts"
import { type CallOptions, type CallResult, placeCall } from "../testing/TwilioCaller.ts"
import { type TwimlError } from "../testing/Twiml.ts"
import { CallError } from "./CallError.ts"
import { type CallTarget } from "./CallTarget.ts"

/** A call to place. */
export interface PlaceCallOptions extends Omit<CallOptions, "connect"> {
  readonly target: CallTarget
  readonly from: string | undefined
  readonly to: string | undefined
  /** Signs webhook and upgrade; undefined: nothing is signed. */
  readonly sign: Sign | undefined
}

/** What the machine says about an address that cannot be reached. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was closed",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be looked up",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  UND_ERR_SOCKET: "the connection was closed",
  EPROTO: "nobody speaks TLS there; is it http or ws?",
  ERR_SSL_WRONG_VERSION_NUMBER: "nobody speaks TLS there; is it http or ws?",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host"
}

/** The same by what an error without a code says of itself. */
const sayings: ReadonlyArray<readonly [RegExp, (status: string) => string]> = [
  [/^bad port$/, () => "no HTTP is spoken on this port"],
  [/^Unexpected server response: (\d+)$/, (status) => `it answered with status ${status}; a media stream was expected`]
]

/** What is known about why a connection could not be made, by the innermost error that tells something. */
export const reasonOf = (error: unknown): string | undefined => {
  if (!Predicate.isObject(error)) return undefined
  const parts: Partial<Record<"cause" | "code" | "error" | "message" | "reason", unknown>> = error
  const inner = reasonOf(parts.cause) ?? reasonOf(parts.reason) ?? reasonOf(parts.error)
  if (inner !== undefined) return inner
  const { code, message } = parts
  if (typeof code === "string" && reasons[code] !== undefined) return reasons[code]
  for (const [saying, sentence] of sayings) {
    const found = typeof message === "string" ? saying.exec(message) : null
    if (found !== null) return sentence(found[1] ?? "")
  }
  return undefined
}

const HINT = "; start a server there, or let the call bring its own with --embedded"

/** Why there is no call with this target. */
export const sentenceOf = ({ _tag, url }: CallTarget, error: WebhookError | TwimlError | ConnectError): string => {
  if (error._tag === "TwimlError") return `${url.href} gives no call to hold: ${error.message}`
  if (error._tag === "ConnectError" && _tag === "Webhook") {
    return `${url.href} names a media stream that cannot be opened: ${error.message}`
  }
  const reason = reasonOf(error.cause)
  if (reason === undefined) return error.message
  return `${url.href} cannot be called: ${reason}${reason === reasons["ECONNREFUSED"] ? HINT : ""}`
}

/** Calls the target and holds the call to its end; fails with a sentence if there is no call to hold. */
export const callTarget = ({
  from,
  sign,
  target,
  to,
  ...options
}: PlaceCallOptions): Effect.Effect<CallResult, CallError, HttpClient.HttpClient | Scope.Scope> => {
  const webhookCall = {
    ...options,
    webhookUrl: target.url,
    allowInsecure: true,
    ...(from === undefined ? {} : { from }),
    ...(sign === undefined ? {} : { sign }),
    ...(to === undefined ? {} : { to })
  }
  const call: Effect.Effect<CallResult, WebhookError | TwimlError | ConnectError, HttpClient.HttpClient | Scope.Scope> =
    target._tag === "Webhook" ? httpCall(webhookCall) : placeCall({ ...options, connect: connectSocket(target.url) })
  return Effect.mapError(call, (cause) => new CallError({ message: sentenceOf(target, cause), cause }))
}
