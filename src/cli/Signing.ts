/** The settings the server itself is started with in, the carrier's signature for requests to it out. Owns no request. */
import { Config, ConfigProvider, Effect, type FileSystem, Option, Redacted } from "effect"
import { type Sign } from "../testing/HttpCall.ts"
import { CallError } from "./CallError.ts"

const settings = Config.all({
  authToken: Config.option(Config.Redacted("TWILIO_AUTH_TOKEN")),
  publicUrl: Config.option(Config.URL("PUBLIC_URL"))
})

/** The environment and, for what is not set there, `.env` in the current directory: as the server reads them. */
const provider = Effect.gen(function* () {
  const environment = yield* ConfigProvider.ConfigProvider
  return yield* ConfigProvider.fromDotEnv().pipe(
    Effect.map((file) => ConfigProvider.orElse(environment, file)),
    Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(environment))
  )
})

/** The URL as the carrier knows it: webhooks are signed for the public origin. */
const signedUrl = (url: string, publicUrl: URL | undefined): string => {
  if (publicUrl === undefined || !/^https?:/.test(url)) return url
  const { pathname, search } = new URL(url)
  return new URL(pathname + search, publicUrl).href
}

/** How requests are signed if there is a `TWILIO_AUTH_TOKEN`; undefined: not at all. */
export const signing: Effect.Effect<Sign | undefined, CallError, FileSystem.FileSystem> = Effect.gen(function* () {
  const { authToken, publicUrl } = yield* settings.parse(yield* provider)
  const key = Option.getOrUndefined(authToken)
  if (key === undefined || Redacted.value(key) === "") return undefined
  const { getExpectedTwilioSignature } = yield* Effect.promise(() => import("twilio/lib/webhooks/webhooks.js"))
  const sign: Sign = (url, fields) =>
    getExpectedTwilioSignature(Redacted.value(key), signedUrl(url, Option.getOrUndefined(publicUrl)), fields)
  return sign
}).pipe(Effect.mapError((cause) => new CallError({ message: `The call cannot be signed: ${cause.message}`, cause })))
