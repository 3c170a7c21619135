/** Language model over Together's chat completions, or any service that speaks like them: prompts and tools in, streamed response parts out. Owns the request and its retry, not how long a caller waits for words. */
import { Array as Arr, Clock, Effect, Layer, type Pull, type Redacted, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import * as IdGenerator from "effect/ai/IdGenerator"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { type ChatRequest } from "../schema/TogetherChat.ts"
import { AppConfig } from "../services/AppConfig.ts"
import {
  type ChatEndpoint,
  type ChatProblem,
  notAStream,
  statusProblem,
  transportProblem
} from "./TogetherChatErrors.ts"
import { decodeEvents, endAfterFinish } from "./TogetherChatEvents.ts"
import { type ChatInput, type ChatOutput, initial, onHalt, step } from "./TogetherChatStream.ts"
import { lowerRequest } from "./TogetherPrompt.ts"

/** Which service and model to ask, and how. */
export interface TogetherOptions {
  /** Root of the API; `/chat/completions` is appended. */
  readonly baseUrl: URL
  readonly apiKey: Redacted.Redacted
  readonly model: string
  /** 0 to 2, how much chance there is in the words; 0.2 when left out. */
  readonly temperature?: number | undefined
  /** Tokens a reply may have; 400 when left out, about a minute and a half of speech. */
  readonly maxTokens?: number | undefined
}

/** Time a request and its retry may take together before the first chunk, in milliseconds: a caller is on the line. */
const RETRY_BUDGET_MS = 1500

/** Longest wait before the retry, in milliseconds. A service that asks for more is not asked again. */
const RETRY_WAIT_MS = 500

/** Time for the text of an error response, in milliseconds; its status alone is enough. */
const ERROR_BODY_MS = 500

/**
 * A language model that streams its replies from one completions endpoint.
 *
 * Whatever goes wrong is an `AiError` whose message is free of the conversation's words. Before the first chunk, a lost
 * connection, a rate limit or an overload is met with one more try. Interrupting a reply closes its connection.
 */
export const make = Effect.fnUntraced(function* (
  options: TogetherOptions
): Effect.fn.Return<LanguageModel.LanguageModel, never, HttpClient.HttpClient> {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const endpoint = { model: options.model, url: urlBelow(options.baseUrl, "/chat/completions") }
  const defaults = {
    model: options.model,
    temperature: options.temperature ?? 0.2,
    maxTokens: options.maxTokens ?? 400
  }
  const template = HttpClientRequest.post(endpoint.url).pipe(
    HttpClientRequest.bearerToken(options.apiKey),
    HttpClientRequest.accept("text/event-stream")
  )

  /** Sends the request and waits for the head of the response; the scope holds the connection. */
  const open = Effect.fnUntraced(
    function* (body: ChatRequest) {
      const response = yield* client
        .execute(HttpClientRequest.bodyJsonUnsafe(template, body))
        .pipe(Effect.mapError((error) => transportProblem(endpoint, error)))
      yield* checkHead(endpoint, response)
      return response.stream.pipe(
        Stream.mapError((error) => transportProblem(endpoint, error)),
        decodeEvents
      )
    },
    // The conversation's trace is none of the vendor's business.
    Effect.provideService(HttpClient.TracerPropagationEnabled, false)
  )

  const reply = (provider: LanguageModel.ProviderOptions, method: string) =>
    Effect.gen(function* () {
      Telemetry.addGenAIAnnotations(provider.span, {
        operation: { name: "chat" },
        request: defaults
      })
      const body = yield* Effect.fromResult(lowerRequest(provider, defaults))
      const id = yield* (yield* IdGenerator.IdGenerator).generateId()
      const start = yield* Clock.currentTimeMillis
      return retryOnce(Stream.unwrap(open(body)), start + RETRY_BUDGET_MS).pipe(
        Stream.catch(({ reason }) => Stream.succeed<ChatInput>({ _tag: "Failed", reason })),
        endAfterFinish,
        Stream.mapAccum(() => initial({ endpoint, id, ...expectations(provider) }), step, { onHalt }),
        settle(provider, endpoint)
      )
    }).pipe(
      Stream.unwrap,
      Stream.mapError((reason) => AiError.make({ module: "TogetherLanguageModel", method, reason }))
    )

  return yield* LanguageModel.make({
    streamText: (provider) => reply(provider, "streamText"),
    // Asking for a stream here too means one way to fail, and an interrupt that reaches the service.
    generateText: (provider) => Effect.map(Stream.runCollect(reply(provider, "generateText")), joinParts),
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
})

/** The language model of the process's settings. */
export const layer: Layer.Layer<LanguageModel.LanguageModel, never, AppConfig | HttpClient.HttpClient> = Layer.effect(
  LanguageModel.LanguageModel,
  Effect.flatMap(AppConfig, ({ together }) =>
    make({ baseUrl: together.baseUrl, apiKey: together.apiKey, model: together.llmModel })
  )
)

const urlBelow = (baseUrl: URL, path: string): string => {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`
  return url.href
}

/** Time for a connection to be made ahead of a call, in milliseconds. */
const CONNECT_MS = 5000

/**
 * Has a connection to the service open for the next request, at the cost of one that asks for nothing and needs no key.
 * Whatever comes of it is of no account.
 */
export const connectAhead = (baseUrl: URL): Effect.Effect<void, never, HttpClient.HttpClient> =>
  HttpClient.execute(HttpClientRequest.options(urlBelow(baseUrl, "/chat/completions"))).pipe(
    Effect.flatMap((response) => response.text),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.timeout(CONNECT_MS),
    Effect.ignoreCause
  )

/** What the reply may hold. */
const expectations = (provider: LanguageModel.ProviderOptions) => ({
  tools:
    provider.toolCallValidation === "deferred"
      ? undefined
      : new Set(provider.toolChoice === "none" ? [] : provider.tools.map((tool) => tool.name)),
  json: provider.responseFormat.type === "json"
})

/** Fails unless the response is a stream of events. */
const checkHead = Effect.fnUntraced(function* (
  endpoint: ChatEndpoint,
  response: HttpClientResponse.HttpClientResponse
): Effect.fn.Return<void, ChatProblem> {
  const { headers, status } = response
  const ok = status >= 200 && status < 300
  const contentType = headers["content-type"] ?? "text/event-stream"
  if (ok && /^text\/event-stream/i.test(contentType)) return
  const body = yield* response.text.pipe(
    Effect.timeout(ERROR_BODY_MS),
    Effect.orElseSucceed(() => "")
  )
  const now = yield* Clock.currentTimeMillis
  return yield* Effect.fail(
    ok ? notAStream(endpoint, contentType, body) : statusProblem(endpoint, { status, headers, body, now })
  )
})

/**
 * Tries a second time if nothing has come yet and the problem may be gone in a moment.
 *
 * `deadline` is when the second try must have begun, in milliseconds since the epoch.
 */
const retryOnce = <A, R>(self: Stream.Stream<A, ChatProblem, R>, deadline: number): Stream.Stream<A, ChatProblem, R> =>
  Stream.suspend(() => {
    let begun = false
    const again = Effect.fnUntraced(function* (problem: ChatProblem) {
      const wait = begun ? undefined : problem.retryIn
      const now = yield* Clock.currentTimeMillis
      if (wait === undefined || wait > RETRY_WAIT_MS || now + wait > deadline) return Stream.fail(problem)
      yield* Effect.sleep(wait)
      return self
    })
    return self.pipe(
      Stream.mapArray((items) => {
        begun = true
        return items
      }),
      Stream.catch((problem) => Stream.unwrap(again(problem)))
    )
  })

/** Parts as they are, a failure as the stream's error after what came before it, notices to the log. */
const settle =
  ({ span }: LanguageModel.ProviderOptions, { model }: ChatEndpoint) =>
  <E, R>(
    self: Stream.Stream<ChatOutput, E, R>
  ): Stream.Stream<Response.StreamPartEncoded, E | AiError.AiErrorReason, R> =>
    Stream.transformPull(self, (pull) =>
      Effect.sync(() => {
        let failure: AiError.AiErrorReason | undefined
        const next: Pull.Pull<
          Arr.NonEmptyReadonlyArray<Response.StreamPartEncoded>,
          E | AiError.AiErrorReason,
          void,
          R
        > = Effect.suspend(() => (failure === undefined ? Effect.flatMap(pull, take) : Effect.fail(failure)))
        const take = (outputs: ReadonlyArray<ChatOutput>): typeof next => {
          const parts: Array<Response.StreamPartEncoded> = []
          const notices: Array<string> = []
          for (const output of outputs) {
            if (output._tag === "Part") parts.push(annotate(span, output.part))
            else if (output._tag === "Failure") failure = output.reason
            else notices.push(output.message)
          }
          const answer = Arr.isReadonlyArrayNonEmpty(parts) ? Effect.succeed(parts) : next
          if (notices.length === 0) return answer
          const noted = Effect.forEach(notices, (message) => Effect.logWarning(message), { discard: true })
          return Effect.andThen(Effect.annotateLogs(noted, { model }), answer)
        }
        return next
      })
    )

/** The part, and what it tells about the reply to the span. */
const annotate = (
  span: LanguageModel.ProviderOptions["span"],
  part: Response.StreamPartEncoded
): Response.StreamPartEncoded => {
  if (part.type === "response-metadata") {
    Telemetry.addGenAIAnnotations(span, { response: { id: part.id, model: part.modelId } })
  }
  if (part.type === "finish") {
    const { inputTokens, outputTokens } = part.usage
    Telemetry.addGenAIAnnotations(span, {
      response: { finishReasons: [part.reason] },
      usage: { inputTokens: inputTokens.total, outputTokens: outputTokens.total }
    })
  }
  return part
}

/** The parts of a whole reply: deltas put together, calls and finish as they are. */
const joinParts = (parts: ReadonlyArray<Response.StreamPartEncoded>): Array<Response.PartEncoded> => {
  const joined: Array<Response.PartEncoded> = []
  for (const part of parts) {
    switch (part.type) {
      case "text-delta":
      case "reasoning-delta": {
        const type = part.type === "text-delta" ? "text" : "reasoning"
        const last = joined.at(-1)
        if (last !== undefined && last.type === type) joined[joined.length - 1] = { type, text: last.text + part.delta }
        else joined.push({ type, text: part.delta })
        break
      }
      case "response-metadata":
      case "tool-call":
      case "finish":
        joined.push(part)
    }
  }
  return joined
}
