/** The kinds of values configuration variables have: how their text is understood, and what is expected of it. */
import { Duration, LogLevel, Option, Schema, SchemaTransformation } from "effect"
import { findPersona, personaIds } from "./Personas.ts"
import { type ReplyCue } from "./Turn.ts"
import { type BargeInProfile } from "./TurnSettings.ts"

/** A kind of value. */
export interface Kind<out A> {
  /** Unit of the value; "" when there is none. */
  readonly unit: string
  /** What a valid value is, after the word "expected". */
  readonly expected: string
  /** Understands the text of a variable that is set. */
  readonly parse: (text: string) => Option.Option<A>
}

const kind = <A>(expected: string, codec: Schema.Codec<A, string>, unit = ""): Kind<A> => ({
  unit,
  expected,
  parse: Schema.decodeOption(codec)
})

/** Maps a string by a table or a parser of its own; what is not in it is refused. */
const lookup = <A>(expected: string, find: (text: string) => A | undefined): Kind<A> => ({
  unit: "",
  expected,
  parse: (text) => Option.fromNullishOr(find(text))
})

/** An absolute URL; slashes at its end mean nothing and are dropped. */
const url = (expected: string, accepts: (url: URL) => boolean): Kind<URL> => {
  const { parse, ...rest } = kind(expected, Schema.URLFromString.check(Schema.makeFilter(accepts)))
  return { ...rest, parse: (text) => parse(text.replace(/\/+$/, "")) }
}

const hasNothingAfterPath = (url: URL) => !/[?#]/.test(url.href)

const hasNoCredentials = (url: URL) => url.username === "" && url.password === ""

/** A name without spaces. */
export const text = kind("a text without spaces", Schema.String.check(Schema.isPattern(/^\S+$/)))

/** A path; whether there is such a file is for its reader to find out. */
export const path = kind("the path of a file", Schema.NonEmptyString)

/** A probability. */
export const probability = kind(
  "a number from 0 to 1",
  Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  "probability"
)

/** A share of something. */
export const share = kind(
  "a number from 0 to 1",
  Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
)

/** A duration that may be nothing. */
export const milliseconds = kind(
  "a number of milliseconds, 0 or more",
  Schema.FiniteFromString.check(Schema.isGreaterThanOrEqualTo(0)),
  "ms"
)

/** A duration that may not be nothing. */
export const deadline = kind(
  "a number of milliseconds above 0",
  Schema.FiniteFromString.check(Schema.isGreaterThan(0)),
  "ms"
)

/** A number of voice windows. */
export const windows = kind(
  "a whole number, 1 or more",
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1)),
  "windows of 32 ms"
)

const findBargeIn = (text: string): BargeInProfile | undefined => {
  const parts = /^(\d*\.?\d+),(\d+),(\d+)$/.exec(text.replaceAll(" ", ""))?.slice(1).map(Number)
  const [prob = 2, count = 0, confirmMs = 0] = parts ?? []
  return prob <= 1 && count >= 1 ? { prob, windows: count, confirmMs } : undefined
}

/** What it takes to interrupt the agent, in one text. */
export const bargeIn = lookup(
  "a probability, a number of windows, 1 or more, and milliseconds of speech, with commas between them, such as 0.85,3,700",
  findBargeIn
)

/** A number of processes, as far as it does not depend on the machine. */
export const processes: Kind<number | "auto"> = {
  unit: "",
  expected: "auto, or a whole number from 1 to 256",
  parse: (text) =>
    text === "auto" ? Option.some(text) : Option.filter(windows.parse(text), (processes) => processes <= 256)
}

/** A TCP port. */
export const port = kind(
  "a whole number from 0 to 65535",
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65535 }))
)

/** A key that may be sent in a header; it is kept from being printed. */
export const apiKey = kind(
  "a Together AI key without spaces or quotes (get one at https://api.together.ai/settings/api-keys)",
  Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[!#-&(-~]+$/)))
)

/** A key of another provider; it is kept from being printed. */
export const secondApiKey = kind(
  "an API key without spaces or quotes",
  Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[!#-&(-~]+$/)))
)

/** An auth token of the carrier; it is kept from being printed. */
export const authToken = kind(
  "a Twilio auth token without spaces or quotes (it is in the Twilio Console under Account Info)",
  Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[!#-&(-~]+$/)))
)

/** An account of the carrier. */
export const accountSid = kind(
  "a Twilio account SID: AC and 32 hexadecimal digits",
  Schema.String.check(Schema.isPattern(/^AC[0-9a-fA-F]{32}$/))
)

/** A telephone number. */
export const phoneNumber = kind(
  "a phone number in E.164 form, such as +15551234567",
  Schema.String.check(Schema.isPattern(/^\+[1-9]\d{6,14}$/))
)

/** The root of an HTTP API. */
export const apiRoot = url(
  "an http or https URL without a query, such as https://api.together.ai/v1",
  (url) => /^https?:$/.test(url.protocol) && hasNothingAfterPath(url) && hasNoCredentials(url)
)

/** An address of this server in the world. */
export const publicOrigin = url(
  "an https URL without a path or query, such as https://agent.example.com",
  (url) => url.protocol === "https:" && url.pathname === "/" && hasNothingAfterPath(url) && hasNoCredentials(url)
)

/** A persona by its id. */
export const persona = lookup(`one of ${personaIds.join(", ")}`, findPersona)

/** A log level, in capitals or not. */
export const logLevel = lookup(`one of ${LogLevel.values.map((level) => level.toLowerCase()).join(", ")}`, (text) =>
  LogLevel.values.find((level) => level.toLowerCase() === text.toLowerCase())
)

/** A secret that can stand in a URL as it is. */
export const token = kind(
  "8 or more letters, digits, dashes or underscores",
  Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[\w-]{8,}$/)))
)

/** Who recognises, answers and speaks; `auto`: whoever there is a key for. */
export const provider = kind("one of auto, together, sandbox", Schema.Literals(["auto", "together", "sandbox"]))

/** A format of the log. */
export const logFormat = kind("one of auto, pretty, json", Schema.Literals(["auto", "pretty", "json"]))

/** Yes or no. */
export const flag = kind(
  "true or false",
  Schema.Literals(["true", "false"]).pipe(
    Schema.decodeTo(
      Schema.Boolean,
      SchemaTransformation.transform({
        decode: (text) => text === "true",
        encode: (value): "true" | "false" => (value ? "true" : "false")
      })
    )
  )
)

/** A number of things, none included. */
export const count = kind(
  "a whole number, 0 or more",
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(0))
)

/** A number of things, at least one. */
export const positiveCount = kind(
  "a whole number, 1 or more",
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1))
)

const findDuration = (text: string): Duration.Duration | undefined =>
  /^\d+(?:\.\d+)? (?:milli|second|minute|hour)s?$/.test(text)
    ? Option.getOrUndefined(Duration.fromInput(text as Duration.Input))
    : undefined

/** A duration with its unit. */
export const duration = lookup("a duration with its unit, such as 90 seconds or 10 minutes", findDuration)

const cueNames: Readonly<Record<string, ReplyCue["_tag"]>> = {
  greeting: "Greeting",
  answer: "Answer",
  ask_again: "AskAgain",
  still_there: "StillThere",
  nobody_there: "NobodyThere",
  time_warning: "TimeWarning",
  time_up: "TimeUp"
}

const findCues = (text: string): ReadonlySet<ReplyCue["_tag"]> | undefined => {
  if (text === "none") return new Set()
  const cues = text.split(",").map((name) => (Object.hasOwn(cueNames, name.trim()) ? cueNames[name.trim()] : undefined))
  return cues.every((cue) => cue !== undefined) ? new Set(cues) : undefined
}

/** Kinds of replies, by names that can be written in a list. */
export const replyKinds = lookup(
  `none, or some of ${Object.keys(cueNames).join(", ")} with commas between them`,
  findCues
)
