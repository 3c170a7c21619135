/** A webhook of the carrier: a request that it signed in, its fields out to whoever answers it. Owns verification, not the answer. */
import { ByteSize, Clock, Effect, Layer, Option, Result } from "effect"
import {
  HttpIncomingMessage,
  type HttpRouter,
  type HttpServerError,
  HttpServerRequest,
  type HttpServerResponse
} from "effect/http"
import { type Verification } from "../schema/EdgeSettings.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { countWebhookRefused } from "./EdgeMetrics.ts"
import { endpoint, refusal } from "./Endpoint.ts"
import { candidateUrls, findFit } from "./SignatureCandidates.ts"
import {
  isForm,
  SIGNATURE_HEADER,
  type SignatureProblem,
  signatureProblem,
  type SignedRequest
} from "./TwilioSignature.ts"

/** What a webhook says, by name; of a name that comes more than once, the first. */
export type WebhookFields = ReadonlyMap<string, string>

/** Largest body that is read, in bytes; the carrier's are about two kilobytes. */
const MAX_BODY_BYTES = 64 * 1024

/** Most fields of a form that is looked at; the carrier's have about fifty. Verifying costs more with each. */
const MAX_FIELDS = 500

/** Largest query and body, in characters, and most fields for which it is tried what they were signed for: the carrier's own are smaller. */
const MAX_ADVISED = 4096
const MAX_ADVISED_FIELDS = 100

/** Time between two requests for which that is tried, in milliseconds: it costs 40 times what verifying does, and more. */
const ADVISED_EVERY_MS = 1000

/** The carrier's form of a call id. */
export const isCallSid = (text: string | null | undefined): text is string => /^CA[0-9a-f]{32}$/i.test(text ?? "")

const fieldsOf = (entries: Iterable<readonly [string, string]>): WebhookFields => {
  const fields = new Map<string, string>()
  for (const [name, value] of entries) if (!fields.has(name)) fields.set(name, value)
  return fields
}

const jsonFields = (body: string): WebhookFields =>
  Result.match(
    Result.try((): unknown => JSON.parse(body)),
    {
      onFailure: () => new Map(),
      onSuccess: (json) =>
        fieldsOf(Object.entries(json ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"))
    }
  )

const queryOf = (path: string): string => path.slice((path + "?").indexOf("?") + 1)

/** A `GET` says what it has to say in its query. */
const readFields = (method: string, path: string, contentType: string | undefined, body: string): WebhookFields => {
  if (method !== "POST") return fieldsOf(new URLSearchParams(queryOf(path)))
  return /\bjson\b/i.test(contentType ?? "") ? jsonFields(body) : fieldsOf(new URLSearchParams(body))
}

/** A name that the request was made to, by its own word: good enough for advice, and for nothing else. */
const claimedHosts = ({ headers }: HttpServerRequest.HttpServerRequest): ReadonlyArray<string> =>
  [headers["x-forwarded-host"], headers["host"]].flatMap((value) => {
    const host = value?.split(",")[0]?.trim() ?? ""
    return URL.canParse(`https://${host}`) ? [host] : []
  })

/** If the signature is good for another origin than the configured one, that is what is wrong. */
const adviceFor = (
  request: HttpServerRequest.HttpServerRequest,
  signed: SignedRequest,
  { authTokens, origin }: Verification
): string => {
  const urls = URL.canParse(signed.url)
    ? candidateUrls(new URL(signed.url), { hosts: claimedHosts(request), schemes: ["https", "http"] })
    : []
  const fit = findFit(authTokens, signed, urls)
  return fit === undefined
    ? "not signed with this auth token, or for another address: `doctor --url` finds out which"
    : `signed for ${new URL(fit.url).origin}, while PUBLIC_URL is ${origin.origin}`
}

const hasMoreFields = (most: number, contentType: string | undefined, body: string): boolean =>
  isForm(contentType) && body.split("&", most + 1).length > most

const isLarge = ({ body, contentType, url }: SignedRequest): boolean =>
  url.length + body.length > MAX_ADVISED || hasMoreFields(MAX_ADVISED_FIELDS, contentType, body)

/** Tries what a request was signed for, unless it has just done so: whoever sends many that are wrong is told often enough. */
const makeAdvice = Effect.map(Clock.Clock, (clock) => {
  let nextMs = -Infinity
  return (
    request: HttpServerRequest.HttpServerRequest,
    signed: SignedRequest,
    verification: Verification
  ): string | undefined => {
    const nowMs = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    if (nowMs < nextMs || isLarge(signed)) return undefined
    nextMs = nowMs + ADVISED_EVERY_MS
    return adviceFor(request, signed, verification)
  }
})

const refuse = Effect.fnUntraced(function* (problem: SignatureProblem, advice: string | undefined) {
  yield* countWebhookRefused(problem)
  yield* Effect.annotateLogs(Effect.logWarning(`webhook refused: ${problem}`), advice === undefined ? {} : { advice })
  return refusal(403, `Expected a request of the carrier: ${problem}`)
})

const unreadable = ({ reason }: HttpServerError.HttpServerError) =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
    ? refusal(413, `Expected a body of at most ${MAX_BODY_BYTES} bytes`)
    : refusal(400, "Expected a body that can be read")

/**
 * Answers `GET` and `POST` for `path` that the carrier signed, for the configured origin. Others get 403.
 *
 * Where nothing is verified, every request is answered.
 */
export const twilioWebhook = <E, R>(
  path: HttpRouter.PathInput,
  answer: (fields: WebhookFields) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  Layer.unwrap(
    Effect.map(makeAdvice, (advise) =>
      endpoint(
        path,
        ["GET", "POST"],
        Effect.gen(function* () {
          const { verification } = yield* EdgeConfig
          const request = yield* HttpServerRequest.HttpServerRequest
          const contentType = request.headers["content-type"]
          const body = yield* Effect.result(
            Effect.provideService(request.text, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(MAX_BODY_BYTES))
          )
          if (Result.isFailure(body)) return unreadable(body.failure)
          const text = body.success
          if (hasMoreFields(MAX_FIELDS, contentType, text))
            return refusal(413, `Expected a form of at most ${MAX_FIELDS} fields`)
          if (verification !== undefined) {
            const url = `${verification.origin.origin}${request.url}`
            const signed = { url, signature: request.headers[SIGNATURE_HEADER], contentType, body: text }
            const problem = signatureProblem(verification.authTokens, signed)
            if (problem !== undefined) {
              const isWrong = problem === "wrong signature"
              return yield* refuse(problem, isWrong ? advise(request, signed, verification) : undefined)
            }
          }
          return yield* answer(readFields(request.method, request.url, contentType, text))
        })
      )
    )
  )

/** The call a webhook is about; none if it does not say. */
export const callSidOf = (fields: WebhookFields): Option.Option<string> =>
  Option.liftPredicate(fields.get("CallSid"), isCallSid)
