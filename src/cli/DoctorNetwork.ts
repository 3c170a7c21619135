/** Requests whose failures are told in a sentence: what was asked in, the answer or why there is none out. Owns no check. */
import { Effect, Predicate } from "effect"
import { FetchHttpClient, HttpClient, type HttpClientRequest, type HttpClientResponse } from "effect/http"

/** An answer, as far as it matters. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Longest wait for an answer. */
const DEADLINE = "10 seconds"

/** The code of the system's or TLS's own error behind others. */
const codeOf = (error: unknown): string | undefined => {
  for (let inner = error, depth = 0; Predicate.isObject(inner) && depth < 6; depth++) {
    if (Predicate.hasProperty(inner, "code") && typeof inner.code === "string") return inner.code
    if (Predicate.hasProperty(inner, "reason") && Predicate.hasProperty(inner.reason, "cause"))
      inner = inner.reason.cause
    else inner = Predicate.hasProperty(inner, "cause") ? inner.cause : undefined
  }
  return undefined
}

/** Why there is no connection, in words that follow the name of a host. */
export const networkProblem = (error: unknown): string => {
  const code = codeOf(error)
  switch (code) {
    case "ENOTFOUND":
      return "there is no such host (ENOTFOUND)"
    case "EAI_AGAIN":
      return "its name could not be looked up: name resolution does not work here now (EAI_AGAIN)"
    case "ECONNREFUSED":
      return "nothing listens there (ECONNREFUSED)"
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return `it broke the connection off (${code})`
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `it cannot be reached from here (${code})`
    default:
      return /CERT|SSL|TLS|SELF_SIGNED|ISSUER/.test(code ?? "")
        ? `its certificate is not accepted (${code})`
        : `the request failed (${code ?? "no reason given"})`
  }
}

/** Asks, follows no redirects, and gives up after ten seconds. Fails with a sentence's end that names no secret. */
export const ask = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Answer, string, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const response: HttpClientResponse.HttpClientResponse = yield* client.execute(request)
    return { status: response.status, headers: response.headers, body: yield* response.text }
  }).pipe(
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
    Effect.mapError(networkProblem),
    Effect.timeoutOrElse({ duration: DEADLINE, orElse: () => Effect.fail("it did not answer within 10 s") })
  )
