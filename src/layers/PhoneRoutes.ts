/** The browser phone over HTTP: its page, its files, what it has to know, and the events of its calls. Owns routes and who may use them, no call. */
import { Effect, Layer } from "effect"
import { type HttpRouter, HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { AppConfig } from "../services/AppConfig.ts"
import { type CallFeed } from "../services/CallFeed.ts"
import { countStreamRefused } from "./EdgeMetrics.ts"
import { endpoint, refusal } from "./Endpoint.ts"
import { admits, type PhoneAccess } from "./PhoneAccess.ts"
import { MAX_TYPED_CHARACTERS, servePage } from "./PhoneEvents.ts"
import { type PhoneFile, type PhoneFilesError, readPhoneFiles } from "./PhoneFiles.ts"
import { FOREIGN_ORIGIN, isForeign } from "./RequestOrigin.ts"
import { version } from "./Version.ts"

/** The browser phone of this process. */
export interface PhoneOptions extends PhoneAccess {
  /** What whoever opens the page is to know about the agent, in a sentence; undefined: nothing. */
  readonly notice: string | undefined
  /** Key by which the sample caller has the agent count, where no words are understood; undefined: by asking. */
  readonly countKey: string | undefined
}

/** As if there were no such path, which is what someone without the token is to believe. */
const nothingHere = refusal(404, "Nothing is served here")

const upgradeRequired = refusal(426, "Expected a WebSocket upgrade", {
  upgrade: "websocket",
  connection: "close, Upgrade"
})

/** The carrier's form of a call id. */
const isCallSid = (text: string | null): text is string => text !== null && /^CA[0-9a-f]{32}$/.test(text)

/** The file that is the page itself; it is served at `/` alone. */
const INDEX = "index.html"

/** Everything comes from this origin, and nothing may be made up from text. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'"
].join("; ")

const commonHeaders: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin"
}

const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": contentSecurityPolicy,
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "microphone=(self), camera=(), geolocation=()"
}

/** The URL that was asked for. Its origin means nothing. */
const urlOf = (request: HttpServerRequest.HttpServerRequest): URL => new URL(request.originalUrl, "http://localhost")

/** A file, or word that the browser's copy of it is still good. It is asked for each time, so an update shows at once. */
const sendFile = (
  request: HttpServerRequest.HttpServerRequest,
  { bytes, contentType, etag }: PhoneFile,
  more: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => {
  const headers = { ...commonHeaders, ...more, etag, "cache-control": "private, no-cache" }
  const known = request.headers["if-none-match"]?.split(",").map((tag) => tag.trim().replace(/^W\//, ""))
  return known?.includes(etag) === true
    ? HttpServerResponse.empty({ status: 304, headers })
    : HttpServerResponse.uint8Array(bytes, { contentType, headers })
}

/** What the page draws and says; `GET /phone/config`. */
const configOf = ({ persona, turns }: AppConfig["Service"], { countKey, notice }: PhoneOptions) => ({
  version,
  notice: notice ?? null,
  countKey: countKey ?? null,
  agent: persona.name,
  maxTypedCharacters: MAX_TYPED_CHARACTERS,
  thresholds: {
    start: turns.speechStartProb,
    end: turns.speechEndProb,
    bargeIn: turns.bargeIn.speaking.prob
  }
})

const routesFor = (options: PhoneOptions, files: ReadonlyMap<string, PhoneFile>, config: AppConfig["Service"]) => {
  /** Answers those who may be here, and nobody else. */
  const guarded = <E, R>(
    answer: (
      request: HttpServerRequest.HttpServerRequest,
      url: URL
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const url = urlOf(request)
      return admits(options, url.searchParams.get("token") ?? undefined)
        ? answer(request, url)
        : Effect.succeed(nothingHere)
    })

  const page = guarded((request) => {
    const index = files.get(INDEX)
    return Effect.succeed(index === undefined ? nothingHere : sendFile(request, index, pageHeaders))
  })

  // Without the token: a page's scripts cannot pass it on, and there is nothing private in them.
  const file = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    const name = urlOf(request).pathname.replace(/^\/phone\//, "")
    const found = name === INDEX ? undefined : files.get(name)
    return found === undefined ? nothingHere : sendFile(request, found)
  })

  const settings = guarded(() =>
    Effect.succeed(
      HttpServerResponse.jsonUnsafe(configOf(config, options), {
        headers: { ...commonHeaders, "cache-control": "no-store" }
      })
    )
  )

  const events = guarded((request, url) =>
    Effect.gen(function* () {
      const callSid = url.searchParams.get("call")
      if (!isCallSid(callSid)) return refusal(400, "Expected ?call= with a call id: CA and 32 hexadecimal digits")
      if (isForeign(request, config.server.publicUrl)) {
        yield* countStreamRefused(FOREIGN_ORIGIN)
        yield* Effect.logWarning(`call events refused: ${FOREIGN_ORIGIN}`)
        return refusal(403, `The events of a call are refused: ${FOREIGN_ORIGIN}`)
      }
      if (request.headers["upgrade"]?.toLowerCase() !== "websocket") return upgradeRequired
      const socket = yield* request.upgrade
      yield* HttpMiddleware.withLoggerDisabled(servePage(request, socket, callSid))
      return HttpServerResponse.empty()
    }).pipe(
      // An `Upgrade` header on a connection that is not to be upgraded.
      Effect.catchTag("HttpServerError", () => Effect.succeed(upgradeRequired)),
      // A handshake that was refused has been answered already: this response is only what the log says.
      Effect.catchTag("SocketError", () => Effect.succeed(HttpServerResponse.empty({ status: 400 })))
    )
  )

  return Layer.mergeAll(
    endpoint("/", ["GET"], page),
    endpoint("/phone/config", ["GET"], settings),
    endpoint("/phone/events", ["GET"], events),
    endpoint("/phone/*", ["GET"], HttpMiddleware.withLoggerDisabled(file))
  )
}

/**
 * `GET /`, `/phone/…`, `/phone/config` and `/phone/events`; nothing at all if the browser phone is not enabled.
 *
 * Fails if the page's files are missing.
 */
export const phoneRoutes = (
  options: PhoneOptions
): Layer.Layer<never, PhoneFilesError, HttpRouter.HttpRouter | AppConfig | HttpRouter.Request<"Requires", CallFeed>> =>
  options.enabled
    ? Layer.unwrap(
        Effect.gen(function* () {
          const config = yield* AppConfig
          return routesFor(options, yield* readPhoneFiles, config)
        })
      )
    : Layer.empty
