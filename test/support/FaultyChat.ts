/** A completions service that does to the first thing it is asked whatever a test says, and answers the rest: the product's own client on an HTTP client that is nowhere connected. */
import { Effect, Layer } from "effect"
import { type LanguageModel } from "effect/ai"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import * as TogetherLanguageModel from "../../src/layers/TogetherLanguageModel.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { configOf } from "../../src/testing/SimulatedServices.ts"
import { answers, questions } from "./FaultCall.ts"

const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

/** A chunk with some words. */
export const words = (content: string): string =>
  event({ id: "1", model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })

/** A chunk with something thought aloud. */
export const thought = (reasoning: string): string =>
  event({ id: "1", model: "m", choices: [{ index: 0, delta: { reasoning }, finish_reason: null }] })

/** The end of an answer, without the last event. */
export const finish = event({ id: "1", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
export const done = event("[DONE]")

/** What comes after the last of some text: the end, an error, or nothing. */
export type Ending = "end" | "cut" | "stall"

/** A response of these writes. */
export const response = (
  writes: ReadonlyArray<string>,
  { ending = "end", ...init }: ResponseInit & { readonly ending?: Ending } = {}
): Response => {
  const encoder = new TextEncoder()
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const write = writes[at++]
      if (write !== undefined) return controller.enqueue(encoder.encode(write))
      if (ending === "end") return controller.close()
      if (ending === "cut") return controller.error(new TypeError("terminated"))
      return new Promise<void>(() => {})
    }
  })
  return new Response(body, { headers: { "content-type": "text/event-stream" }, ...init })
}

/** An error response. */
export const refusal = (status: number, headers: Record<string, string> = {}): Response =>
  Response.json({ error: { message: `status ${status}`, type: "error" } }, { status, headers })

/** The connection cannot be made. */
export const unreachable = (code: string): Effect.Effect<never, { readonly code: string }> => Effect.fail({ code })

/** The language model of a call on a service that does this to its first question; `attempt` counts from 0. */
export const faultyChat = (
  first: (attempt: number) => Response | Effect.Effect<Response, { readonly code: string }>
): Layer.Layer<LanguageModel.LanguageModel> => {
  let attempts = 0
  const client = HttpClient.make((request) => {
    const body: unknown =
      request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : {}
    const asked = JSON.stringify(body).includes(questions[1])
    const given = asked ? response([words(answers[1]), finish, done]) : first(attempts++)
    const answered = Effect.isEffect(given) ? given : Effect.succeed(given)
    return answered.pipe(
      Effect.mapError(
        (cause) =>
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      ),
      Effect.map((answer) => HttpClientResponse.fromWeb(request, answer))
    )
  })
  return TogetherLanguageModel.layer.pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
    Layer.provide(Layer.succeed(AppConfig, configOf({ services: { languageModel: { replies: [] } } })))
  )
}
