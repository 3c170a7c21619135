import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import {
  errorObjectReason,
  notAStream,
  retryAfterOf,
  statusProblem,
  transportProblem
} from "../../src/layers/TogetherChatErrors.ts"

const endpoint = { model: "some/model", url: "https://api.example.test/v1/chat/completions" }
const now = Date.UTC(2026, 0, 1)

const problem = (
  status: number,
  error: unknown = { message: "the secret words" },
  headers: Record<string, string> = {}
) => statusProblem(endpoint, { status, headers, body: JSON.stringify({ error }), now })

describe("a status", () => {
  const rows: ReadonlyArray<
    readonly [status: number, type: string | null, tag: string, message: RegExp, retry: boolean]
  > = [
    [400, "invalid_request_error", "InvalidRequestError", /rejected .* "some\/model" \(status 400, invalid_req/, false],
    [401, "invalid_request_error", "AuthenticationError", /InvalidKey.*refused the key/, false],
    [402, null, "QuotaExhaustedError", /Quota exhausted/, false],
    [403, null, "AuthenticationError", /InsufficientPermissions.*may not use the model "some\/model"/, false],
    [403, "invalid_request_error", "InvalidRequestError", /longer than the model "some\/model" takes/, false],
    [404, "not_found", "InvalidRequestError", /no model "some\/model"/, false],
    [408, null, "InternalProviderError", /could not answer/, true],
    [413, "request_too_large", "InvalidRequestError", /too large for the model "some\/model"/, false],
    [422, null, "InvalidRequestError", /rejected/, false],
    [429, "dynamic_token_limited", "RateLimitError", /Rate limit/, true],
    [500, "server_error", "InternalProviderError", /status 500, server_error/, false],
    [503, "service_unavailable", "InternalProviderError", /status 503/, true],
    [504, null, "InternalProviderError", /status 504/, true],
    [520, null, "InternalProviderError", /status 520/, true],
    [524, null, "InternalProviderError", /status 524/, true],
    [529, null, "InternalProviderError", /status 529/, true]
  ]
  for (const [status, type, tag, message, retry] of rows) {
    it(`${status} ${type ?? ""} is a ${tag}`, () => {
      const { reason, retryIn } = problem(status, { message: "the secret words", type, param: null, code: null })
      assert.strictEqual(reason._tag, tag)
      assert.match(reason.message, message)
      assert.notInclude(reason.message, "secret")
      assert.strictEqual(retryIn !== undefined, retry)
    })
  }

  it("keeps the service's sentence and ids beside the message", () => {
    const { reason } = problem(
      503,
      { message: "the secret words", type: "busy", code: "x1" },
      { "x-request-id": "r-9" }
    )
    assert(reason._tag === "InternalProviderError")
    assert.deepStrictEqual(reason.metadata, {
      together: { status: 503, type: "busy", code: "x1", requestId: "r-9", "pii.message": "the secret words" }
    })
  })

  it("does not take prose for a type", () => {
    const { reason } = problem(400, { type: "The words were: secret", code: "also secret words" })
    assert.notInclude(JSON.stringify(reason), "secret")
  })

  it("needs no body that can be read", () => {
    for (const body of ["", "<html>Bad gateway</html>", "{}", "[1]", "null"]) {
      const { reason } = statusProblem(endpoint, { status: 503, headers: {}, body, now })
      assert.strictEqual(reason._tag, "InternalProviderError")
    }
  })

  it("may have its type beside the error", () => {
    const body = JSON.stringify({ error: "the secret words", error_type: "invalid_request_error" })
    const { reason } = statusProblem(endpoint, { status: 403, headers: {}, body, now })
    assert.strictEqual(reason._tag, "InvalidRequestError")
  })
})

describe("waiting before a retry", () => {
  const rows: ReadonlyArray<readonly [headers: Record<string, string>, millis: number | undefined]> = [
    [{}, undefined],
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "0.25" }, 250],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:03 GMT" }, 3000],
    [{ "retry-after": "Wed, 31 Dec 2025 23:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "soon", "x-ratelimit-reset": "1" }, 1000],
    [{ "x-ratelimit-reset": "0.5" }, 500],
    [{ "retry-after": "2", "x-ratelimit-reset": "9" }, 2000],
    [{ "retry-after-ms": "120", "retry-after": "2" }, 120]
  ]
  for (const [headers, millis] of rows) {
    it(`follows ${JSON.stringify(headers)}`, () => {
      const wait = retryAfterOf(headers, now)
      assert.strictEqual(wait === undefined ? undefined : Duration.toMillis(wait), millis)
    })
  }

  it("is as long as the service asks, and told to whoever handles the error", () => {
    const { reason, retryIn } = problem(429, {}, { "retry-after": "7" })
    assert.strictEqual(retryIn, 7000)
    assert(reason._tag === "RateLimitError" && reason.retryAfter !== undefined)
    assert.strictEqual(Duration.toMillis(reason.retryAfter), 7000)
  })
})

describe("an error object with status 200", () => {
  const rows: ReadonlyArray<readonly [error: Parameters<typeof errorObjectReason>[1], tag: string]> = [
    ["words", "InternalProviderError"],
    [{}, "InternalProviderError"],
    [{ type: "server_error" }, "InternalProviderError"],
    [{ type: "overloaded_error" }, "InternalProviderError"],
    [{ type: "dynamic_request_limited" }, "RateLimitError"],
    [{ type: "rate_limit_error" }, "RateLimitError"],
    [{ code: "invalid_api_key" }, "AuthenticationError"],
    [{ type: "insufficient_quota" }, "QuotaExhaustedError"],
    [{ type: "invalid_request_error" }, "InvalidRequestError"],
    [{ type: "whatever", code: 404 }, "InvalidRequestError"],
    [{ type: "whatever", code: "429" }, "RateLimitError"]
  ]
  for (const [error, tag] of rows) {
    it(`${JSON.stringify(error)} is a ${tag}`, () => assert.strictEqual(errorObjectReason(endpoint, error)._tag, tag))
  }
})

describe("a response that is no stream", () => {
  it("says what came instead", () => {
    const { reason } = notAStream(endpoint, "text/html", "<html>")
    assert.strictEqual(reason._tag, "InvalidResponseError")
    assert.include(reason.message, '"text/html" where "text/event-stream" was expected')
  })

  it("is the error in it, if there is one", () => {
    const { reason } = notAStream(endpoint, "application/json", '{"error":{"type":"overloaded"}}')
    assert.strictEqual(reason._tag, "InternalProviderError")
  })
})

describe("a connection", () => {
  const request = HttpClientRequest.post(endpoint.url).pipe(HttpClientRequest.bodyText("the secret words"))
  const response = HttpClientResponse.fromWeb(request, new Response("x"))
  const rows: ReadonlyArray<
    readonly [reason: HttpClientError.HttpClientErrorReason, kind: string, message: RegExp, retry: boolean]
  > = [
    [
      new HttpClientError.TransportError({ request, cause: new TypeError("x", { cause: { code: "ECONNREFUSED" } }) }),
      "TransportError",
      /api\.example\.test could not be reached \(ECONNREFUSED\)\./,
      true
    ],
    [new HttpClientError.TransportError({ request }), "TransportError", /could not be reached\./, true],
    [
      new HttpClientError.DecodeError({ request, response, cause: { cause: { code: "UND_ERR_SOCKET" } } }),
      "TransportError",
      /connection to api\.example\.test was lost \(UND_ERR_SOCKET\)/,
      true
    ],
    [new HttpClientError.InvalidUrlError({ request }), "InvalidUrlError", /could not be made/, false]
  ]
  for (const [reason, kind, message, retry] of rows) {
    it(`fails by ${reason._tag}: ${message}`, () => {
      const problem = transportProblem(endpoint, new HttpClientError.HttpClientError({ reason }))
      assert(problem.reason._tag === "NetworkError")
      assert.strictEqual(problem.reason.reason, kind)
      assert.match(problem.reason.message, message)
      assert.strictEqual(problem.retryIn !== undefined, retry)
      assert.strictEqual(problem.reason.cause, undefined, "the request, with the conversation in it, is not kept")
    })
  }
})
