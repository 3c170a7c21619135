/** The call documents (TwiML) of the server: what the carrier is to do with a call. Owns their words, not who gets which. Source: twilio.com/docs/voice/twiml. */
import { Redacted } from "effect"
import { HttpServerResponse } from "effect/http"
import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js"
import { TOKEN_PARAMETER } from "./PhoneAccess.ts"

/** A document as the answer to a webhook. */
export const documentResponse = (document: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(document, { contentType: "text/xml; charset=utf-8" })

const busyWords = "Sorry, all our lines are busy at the moment. Please call again in a few minutes. Goodbye."

const brokenWords =
  "Sorry, something went wrong on our side, and we cannot go on with this call. Please call again later. Goodbye."

/** Somebody else takes the call, or the caller is told why nobody does. */
const handOver = (response: VoiceResponse, fallbackNumber: string | undefined, words: string): VoiceResponse => {
  if (fallbackNumber === undefined) response.say(words)
  else response.dial(fallbackNumber)
  response.hangup()
  return response
}

/** What a call is connected with. */
export interface Connection {
  /** Without a query: the carrier drops it. */
  readonly streamUrl: URL
  /** Lets the stream in; undefined where nothing is verified. */
  readonly token: Redacted.Redacted | undefined
  /** Who is asked how to go on when the stream has ended: an absolute or a relative URL. */
  readonly afterUrl: string
  readonly fallbackNumber: string | undefined
}

/**
 * Hands the call to the media stream. When that ends, `afterUrl` says how to go on.
 *
 * What follows in the document is for carriers that do not ask: they go on with the fallback.
 */
export const connectDocument = ({ afterUrl, fallbackNumber, streamUrl, token }: Connection): string => {
  const response = new VoiceResponse()
  const stream = response.connect({ action: afterUrl }).stream({ url: streamUrl.href })
  if (token !== undefined) stream.parameter({ name: TOKEN_PARAMETER, value: Redacted.value(token) })
  return handOver(response, fallbackNumber, brokenWords).toString()
}

/** For a call that is not taken: the fallback number rings, or the caller is told that all lines are busy. */
export const busyDocument = (fallbackNumber: string | undefined): string =>
  handOver(new VoiceResponse(), fallbackNumber, busyWords).toString()

/** For a call that could not be held to its end: the fallback number rings, or the caller is told that it is over. */
export const brokenOffDocument = (fallbackNumber: string | undefined): string =>
  handOver(new VoiceResponse(), fallbackNumber, brokenWords).toString()

/** For a call in which everything was said. */
export const hangUpDocument = (): string => {
  const response = new VoiceResponse()
  response.hangup()
  return response.toString()
}
