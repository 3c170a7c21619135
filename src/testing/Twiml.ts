/** A call document (TwiML) in, the media stream it connects the call to out. Reads only what that takes; runs no other verb. */
import { Effect, Schema, Stream } from "effect"
import { Xml } from "effect/encoding"

/**
 * Why there is no media stream to connect to.
 *
 * - `NotXml` — the document is not well-formed XML
 * - `NoStream` — it is not a `Response`, or has no `Connect` with a `Stream` in it
 * - `BadUrl` — the stream's URL is missing, no URL, not `wss`, or has a query string (Twilio's error 31920)
 * - `BadParameter` — a parameter without a name, or longer than 500 characters
 */
export class TwimlError extends Schema.TaggedError<TwimlError>()("TwimlError", {
  reason: Schema.Literals(["NotXml", "NoStream", "BadUrl", "BadParameter"]),
  message: Schema.String
}) {}

/** Where a call is to be connected. */
export interface TwimlStream {
  readonly url: URL
  /** What `start.customParameters` will hold. */
  readonly parameters: Readonly<Record<string, string>>
  /** Names of the verbs that come after the stream: what the call goes on with when the server closes it. */
  readonly next: ReadonlyArray<string>
}

/** Name and value of a parameter together are shorter than this, in characters. */
const MAX_PARAMETER = 500

const elementsIn = (element: Xml.Element): ReadonlyArray<Xml.Element> =>
  element.children.filter((child) => typeof child !== "string")

const streamUrl = (url: string | undefined, allowInsecure: boolean): Effect.Effect<URL, TwimlError> => {
  const bad = (problem: string) =>
    Effect.fail(new TwimlError({ reason: "BadUrl", message: `<Stream url>: ${problem}` }))
  if (url === undefined) return bad("it is missing")
  if (!URL.canParse(url)) return bad(`${JSON.stringify(url)} is not a URL`)
  const parsed = new URL(url)
  if (parsed.protocol !== "wss:" && !(allowInsecure && parsed.protocol === "ws:")) {
    return bad(`the scheme is ${parsed.protocol}, wss: was expected`)
  }
  if (url.includes("?")) return bad("it has a query string; pass <Parameter> elements instead")
  return Effect.succeed(parsed)
}

const parametersIn = (stream: Xml.Element): Effect.Effect<Readonly<Record<string, string>>, TwimlError> =>
  Effect.gen(function* () {
    const parameters: Record<string, string> = {}
    for (const { attributes, name: element } of elementsIn(stream)) {
      if (element !== "Parameter") continue
      const { name, value = "" } = attributes
      const problem =
        name === undefined || name === ""
          ? "a <Parameter> has no name"
          : name.length + value.length >= MAX_PARAMETER
            ? `<Parameter name=${JSON.stringify(name)}>: name and value have ${MAX_PARAMETER} characters or more`
            : undefined
      if (name === undefined || problem !== undefined) {
        return yield* new TwimlError({ reason: "BadParameter", message: problem ?? "" })
      }
      parameters[name] = value
    }
    return parameters
  })

/**
 * Finds the media stream of a call document. `allowInsecure` also takes `ws` URLs, which Twilio does not.
 *
 * Source: twilio.com/docs/voice/twiml/stream.
 */
export const readTwiml = (
  document: string,
  options: { readonly allowInsecure?: boolean } = {}
): Effect.Effect<TwimlStream, TwimlError> =>
  Effect.gen(function* () {
    const [root] = yield* Stream.make(document).pipe(
      Stream.pipeThroughChannel(Xml.decodeString()),
      Stream.pipeThroughChannel(Xml.elements(["*"])),
      Stream.runCollect,
      Effect.mapError(({ message }) => new TwimlError({ reason: "NotXml", message: `the call document: ${message}` }))
    )
    const noStream = (problem: string) =>
      new TwimlError({ reason: "NoStream", message: `the call document ${problem}` })
    if (root?.name !== "Response") return yield* noStream(`is a <${root?.name}>; <Response> was expected`)
    const verbs = elementsIn(root)
    const connect = verbs.findIndex(({ name }) => name === "Connect")
    const stream = verbs[connect] && elementsIn(verbs[connect]).find(({ name }) => name === "Stream")
    if (stream === undefined) return yield* noStream("has no <Connect> with a <Stream>")
    return {
      url: yield* streamUrl(stream.attributes["url"], options.allowInsecure ?? false),
      parameters: yield* parametersIn(stream),
      next: verbs.slice(connect + 1).map(({ name }) => name)
    }
  })
