/** The settings the server itself is started with in, the carrier's signature for requests to it out. Owns no request. */
import { Config, ConfigProvider, Effect, type FileSystem, Redacted } from "effect"
import { type Sign } from "../testing/HttpCall.ts"
import { CallError } from "./CallError.ts"

const settings = Config.all({
  authToken: Config.Redacted("TWILIO_AUTH_TOKEN").pipe(Config.withDefault(Redacted.make(""))),
  publicUrl: Config.String("PUBLIC_URL").pipe(Config.withDefault(""))
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
const signedUrl = (url: string, publicUrl: string): string => {
  if (publicUrl === "" || !/^https?:/.test(url)) return url
  const { pathname, search } = new URL(url)
  return new URL(pathname + search, publicUrl).href
}

const fail = (message: string) => Effect.fail(new CallError({ message: `The call cannot be signed: ${message}` }))

/** How requests are signed if there is a `TWILIO_AUTH_TOKEN`; undefined: not at all. */
export const signing: Effect.Effect<Sign | undefined, CallError, FileSystem.FileSystem> = Effect.gen(function* () {
  const { authToken, publicUrl } = yield* settings.parse(yield* provider)
  const key = Redacted.value(authToken)
  if (key === "") return undefined
  if (publicUrl !== "" && !URL.canParse(publicUrl)) {
    return yield* fail(`PUBLIC_URL is ${JSON.stringify(publicUrl)}, expected a URL`)
  }
  const { getExpectedTwilioSignature } = yield* Effect.promise(() => import("twilio/lib/webhooks/webhooks.js"))
  const sign: Sign = (url, fields) => getExpectedTwilioSignature(key, signedUrl(url, publicUrl), fields)
  return sign
}).pipe(
  Effect.catchTags({ PlatformError: ({ message }) => fail(message), ConfigError: ({ message }) => fail(message) })
)
