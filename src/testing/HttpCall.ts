/** A whole incoming call from its webhook on: asks the server for its call document and holds the call on the stream it names. */
import { Effect, Schema, type Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { type ConnectError, connectSocket } from "./CarrierConnection.ts"
import { type CallOptions, type CallResult, placeCall } from "./TwilioCaller.ts"
import { makeIdentity, type TwilioIdentity } from "./TwilioFrames.ts"
import { readTwiml, type TwimlError, type TwimlStream } from "./Twiml.ts"

/** Longest wait for the webhook's answer, in milliseconds. Source: twilio.com/docs/api/errors/11205. */
const WEBHOOK_TIMEOUT_MS = 15_000

/** The webhook gave no call document. */
export class WebhookError extends Schema.TaggedError<WebhookError>()("WebhookError", {
  /** HTTP status; absent when there was no answer. */
  status: Schema.optionalKey(Schema.Int),
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** The value of `X-Twilio-Signature` for a URL and the form fields sent to it, none for an upgrade. */
export type Sign = (url: string, fields: Readonly<Record<string, string>>) => string

/** A call to place by way of a voice webhook. */
export interface HttpCallOptions extends Omit<CallOptions, "connect"> {
  readonly webhookUrl: string | URL
  /** Phone numbers in E.164 form. */
  readonly from?: string
  readonly to?: string
  /** More form fields for the webhook, or other values for the usual ones. */
  readonly fields?: Readonly<Record<string, string>>
  /** Signs webhook and upgrade; without it, nothing is signed. */
  readonly sign?: Sign
  /** Also takes `ws` stream URLs, for servers without TLS in tests. */
  readonly allowInsecure?: boolean
}

/** A finished call, and the document it was placed by. */
export interface HttpCallResult extends CallResult {
  readonly document: TwimlStream
}

const fieldsOf = (
  identity: TwilioIdentity,
  options: Omit<HttpCallOptions, "script">
): Readonly<Record<string, string>> => {
  const from = options.from ?? "+15005550006"
  const to = options.to ?? "+15005550010"
  return {
    AccountSid: identity.accountSid,
    ApiVersion: "2010-04-01",
    CallSid: identity.callSid,
    CallStatus: "ringing",
    Called: to,
    Caller: from,
    Direction: "inbound",
    From: from,
    To: to,
    ...options.fields
  }
}

const signature = (sign: Sign | undefined, url: string, fields: Readonly<Record<string, string>>) =>
  sign === undefined ? {} : { "x-twilio-signature": sign(url, fields) }

const askForDocument = (
  options: Omit<HttpCallOptions, "script">,
  fields: Readonly<Record<string, string>>
): Effect.Effect<string, WebhookError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const url = String(options.webhookUrl)
    const request = HttpClientRequest.post(url).pipe(
      HttpClientRequest.setHeaders(signature(options.sign, url, fields)),
      HttpClientRequest.bodyUrlParams(fields)
    )
    const response = yield* client.execute(request)
    const body = yield* response.text
    if (response.status !== 200) {
      const message = `${url} answered with status ${response.status}; 200 was expected`
      return yield* new WebhookError({ status: response.status, message })
    }
    const type = response.headers["content-type"] ?? "none"
    if (/\bxml\b|^text\/html\b/.test(type)) return body
    return yield* new WebhookError({ status: 200, message: `${url}: content type is ${type}; text/xml was expected` })
  }).pipe(
    // Twilio sends no trace headers.
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.timeout(WEBHOOK_TIMEOUT_MS),
    Effect.catchTags({
      HttpClientError: (cause) =>
        Effect.fail(new WebhookError({ message: `${String(options.webhookUrl)}: ${cause.message}`, cause })),
      TimeoutError: () =>
        Effect.fail(
          new WebhookError({
            message: `${String(options.webhookUrl)} did not answer within ${WEBHOOK_TIMEOUT_MS / 1000} s`
          })
        )
    })
  )

/** Where a call is to be connected, and what the upgrade has to carry. */
export interface CallOpening {
  readonly document: TwimlStream
  readonly headers: Readonly<Record<string, string>>
}

/** Posts the voice webhook as Twilio does, for a call that is opened by other means than {@link httpCall}. */
export const openCall = (
  options: Omit<HttpCallOptions, "script">,
  identity: TwilioIdentity
): Effect.Effect<CallOpening, WebhookError | TwimlError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const document = yield* readTwiml(yield* askForDocument(options, fieldsOf(identity, options)), options)
    return { document, headers: signature(options.sign, document.url.href, {}) }
  })

/**
 * Posts the voice webhook as Twilio does, and holds a call on the media stream its answer names.
 *
 * Fails if the webhook gives no document, the document no acceptable stream, or the stream no connection.
 */
export const httpCall = Effect.fn("HttpCall.httpCall")(function* (
  options: HttpCallOptions
): Effect.fn.Return<HttpCallResult, WebhookError | TwimlError | ConnectError, HttpClient.HttpClient | Scope.Scope> {
  const identity = yield* makeIdentity(options.identity)
  const { document, headers } = yield* openCall(options, identity)
  const result = yield* placeCall({
    ...options,
    identity,
    parameters: { ...document.parameters, ...options.parameters },
    connect: connectSocket(document.url, headers)
  })
  return { ...result, document }
})
