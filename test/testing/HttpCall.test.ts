import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientResponse,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { TestClock } from "effect/testing"
import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js"
import { getExpectedTwilioSignature, validateRequest } from "twilio/lib/webhooks/webhooks.js"
import * as SocketMediaLink from "../../src/layers/SocketMediaLink.ts"
import { hangUp, listen, press, say } from "../../src/testing/CallerScript.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { httpCall } from "../../src/testing/HttpCall.ts"
import { parrot } from "./Parrot.ts"
import { tone } from "./Sounds.ts"

interface Seen {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** A phone server: a webhook at `/voice` that connects to a parrot at `/media`, and what they were asked. */
const phoneServer = Effect.gen(function* () {
  const webhooks = yield* Queue.unbounded<Seen>()
  const upgrades = yield* Queue.unbounded<Seen>()
  const starts = yield* Queue.unbounded<unknown>()
  const voice = HttpRouter.add(
    "POST",
    "/voice",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      Queue.offerUnsafe(webhooks, { headers: request.headers, body: yield* request.text })
      const response = new VoiceResponse()
      const stream = response.connect().stream({ url: `ws://${request.headers["host"]}/media` })
      stream.parameter({ name: "token", value: "once" })
      response.say("Sorry")
      return HttpServerResponse.text(response.toString(), { contentType: "text/xml" })
    }).pipe(Effect.orDie)
  )
  const media = HttpRouter.add(
    "GET",
    "/media",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      Queue.offerUnsafe(upgrades, { headers: request.headers, body: "" })
      const socket = yield* SocketMediaLink.make(yield* request.upgrade)
      const link = {
        ...socket,
        inbound: Stream.tap(socket.inbound, (text) =>
          text.includes('"start"') ? Queue.offer(starts, JSON.parse(text).start.customParameters) : Effect.void
        )
      }
      yield* parrot({ replyMs: 100, endpointMs: 40 })(link)
      return HttpServerResponse.empty()
    }).pipe(Effect.orDie)
  )
  const url = yield* serveEmulator(Layer.mergeAll(voice, media))
  return { url, webhooks, upgrades, starts }
})

/** A webhook that gives one answer to everything. */
const answering = (answer: () => Response) =>
  HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, answer())))

const xml = (url: string): Response =>
  new Response(`<Response><Connect><Stream url="${url}"/></Connect></Response>`, {
    headers: { "content-type": "text/xml" }
  })

describe("httpCall", () => {
  it.live("places a call by the webhook, over a real socket, in real time", () =>
    Effect.gen(function* () {
      const { starts, upgrades, url, webhooks } = yield* phoneServer
      const webhookUrl = new URL("/voice", url)
      const result = yield* httpCall({
        webhookUrl,
        from: "+15005550001",
        to: "+15005550002",
        fields: { CallerName: "A B&C" },
        parameters: { watch: "true" },
        sign: (url, fields) => getExpectedTwilioSignature("12345", url, fields),
        allowInsecure: true,
        script: [listen(100), say({ audio: tone(60), text: "hi" }), listen(60), press("1", 20), hangUp]
      }).pipe(Effect.provide(FetchHttpClient.layer))

      assert.deepStrictEqual(result.failures, [])
      assert.deepStrictEqual(result.end, { _tag: "CallerHungUp" })
      assert.deepStrictEqual(result.document.next, ["Say"])
      assert.strictEqual(result.playout.receivedBytes, 1600)
      assert.strictEqual(result.playout.playedBytes, 1600)
      assert.strictEqual(result.utterances[0]?.text, "hi")
      assert.deepStrictEqual(yield* Queue.take(starts), { token: "once", watch: "true" })

      const webhook = yield* Queue.take(webhooks)
      const fields = Object.fromEntries(new URLSearchParams(webhook.body))
      assert.strictEqual(fields["CallSid"], result.identity.callSid)
      assert.strictEqual(fields["AccountSid"], result.identity.accountSid)
      assert.strictEqual(fields["From"], "+15005550001")
      assert.strictEqual(fields["To"], "+15005550002")
      assert.strictEqual(fields["CallerName"], "A B&C")
      assert.strictEqual(fields["CallStatus"], "ringing")
      assert.isTrue(validateRequest("12345", webhook.headers["x-twilio-signature"] ?? "", webhookUrl.href, fields))
      assert.isUndefined(webhook.headers["traceparent"])

      const upgrade = yield* Queue.take(upgrades)
      const streamUrl = result.document.url.href
      assert.isTrue(validateRequest("12345", upgrade.headers["x-twilio-signature"] ?? "", streamUrl, {}))
    })
  )

  it.effect.each<readonly [name: string, answer: () => Response, tag: string, mentions: string]>([
    ["an error", () => new Response("no", { status: 500 }), "WebhookError", "500"],
    ["nothing", () => new Response(null, { status: 204 }), "WebhookError", "204"],
    [
      "plain text",
      () => new Response("hello", { headers: { "content-type": "text/plain" } }),
      "WebhookError",
      "text/plain"
    ],
    ["no XML", () => new Response("hello", { headers: { "content-type": "text/xml" } }), "TwimlError", "document"],
    ["an insecure stream", () => xml("ws://127.0.0.1/"), "TwimlError", "wss"],
    ["a stream nobody serves", () => xml("wss://127.0.0.1:1/"), "ConnectError", "127.0.0.1:1"]
  ])("fails when the webhook answers with %s", ([, answer, tag, mentions]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(httpCall({ webhookUrl: "http://agent.test/voice", script: [] }))
      assert.strictEqual(error._tag, tag)
      assert.include(error.message, mentions)
    }).pipe(Effect.provideService(HttpClient.HttpClient, answering(answer)))
  )

  it.effect("does not wait forever for the webhook", () =>
    Effect.gen(function* () {
      const never = HttpClient.make(() => Effect.never)
      const fiber = yield* httpCall({ webhookUrl: "http://agent.test/voice", script: [] }).pipe(
        Effect.provideService(HttpClient.HttpClient, never),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("15 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.message, "http://agent.test/voice did not answer within 15 s")
    })
  )
})
