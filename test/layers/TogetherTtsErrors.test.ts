import { assert, describe, it } from "@effect/vitest"
import { Socket } from "effect/socket"
import { serviceFailure, socketFailure } from "../../src/layers/TogetherTtsErrors.ts"

const endpoint = { baseUrl: new URL("https://tts.test/v1"), ttsModel: "a/model", ttsVoice: "a_voice" }

const opening = (cause: unknown) =>
  new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) })

const closing = (code: number) => new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })

describe("socketFailure", () => {
  it("tells from the status of a refused upgrade what is wrong", () => {
    const reasons = [400, 401, 402, 403, 404, 408, 429, 500, 503].map((status) => {
      const error = socketFailure(endpoint, opening({ error: new Error(`Unexpected server response: ${status}`) }))
      assert.include(error.message, `status ${status}`)
      return error.reason
    })
    assert.deepStrictEqual(reasons, [
      "Rejected",
      "Unauthorized",
      "QuotaExceeded",
      "Unauthorized",
      "Rejected",
      "Overloaded",
      "RateLimited",
      "Overloaded",
      "Overloaded"
    ])
  })

  it("tells a connection that was not made by its code, and keeps nothing that leads to the key", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" })
    const event = { type: "error", error: cause, target: { headers: { Authorization: "Bearer secret" } } }
    const error = socketFailure(endpoint, opening(event))
    assert.strictEqual(error.reason, "Unreachable")
    assert.include(error.message, "tts.test")
    assert.include(error.message, "ECONNREFUSED")
    assert.isUndefined(error.cause)
    assert.strictEqual(socketFailure(endpoint, opening(undefined)).reason, "Unreachable")
    const timeout = new Socket.SocketOpenError({ kind: "Timeout", cause: new Error("timeout") })
    assert.strictEqual(socketFailure(endpoint, new Socket.SocketError({ reason: timeout })).reason, "Unreachable")
  })

  it("tells the end of a connection by its code", () => {
    const reasons = [1000, 1001, 1006, 1013, 4401, 4403, 4429, 4503].map(
      (code) => socketFailure(endpoint, closing(code)).reason
    )
    assert.deepStrictEqual(reasons, [
      "Disconnected",
      "Disconnected",
      "Disconnected",
      "Overloaded",
      "Unauthorized",
      "Unauthorized",
      "RateLimited",
      "Overloaded"
    ])
  })
})

describe("serviceFailure", () => {
  it("understands what the service calls its errors", () => {
    const cases: ReadonlyArray<readonly [object, string]> = [
      [{ code: "invalid_api_key", type: "invalid_request_error" }, "Unauthorized"],
      [{ type: "authentication_error" }, "Unauthorized"],
      [{ code: "insufficient_quota" }, "QuotaExceeded"],
      [{ code: "rate_limit_exceeded", type: "invalid_request_error" }, "RateLimited"],
      [{ code: "no_healthy_workers" }, "Overloaded"],
      [{ type: "service_unavailable_error", message: "model is not available right now" }, "Overloaded"],
      [{ code: "model_not_available" }, "Rejected"],
      [{ code: "voice_not_found", param: "voice" }, "Rejected"],
      [{ type: "invalid_request_error" }, "Rejected"],
      [{ message: "Unknown voice: tara2" }, "Rejected"],
      [{ message: "synthesis failed" }, "Overloaded"],
      [{}, "Overloaded"]
    ]
    for (const [error, reason] of cases) {
      assert.strictEqual(serviceFailure(endpoint, error).reason, reason, JSON.stringify(error))
    }
    assert.strictEqual(serviceFailure(endpoint, undefined).reason, "Overloaded")
  })

  it("names model and voice when they may be what is wrong, and never repeats the service's prose", () => {
    const error = serviceFailure(endpoint, {
      message: "cannot say 'my secret is 1234'",
      type: "my secret is 1234",
      code: "voice_not_found"
    })
    assert.include(error.message, "a/model")
    assert.include(error.message, "a_voice")
    assert.include(error.message, "voice_not_found")
    assert.notInclude(error.message, "1234")
  })
})
