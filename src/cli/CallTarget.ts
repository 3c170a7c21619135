/** The address a call is placed to: what was given on the command line in, where the call begins out. Pure. */
import { Result } from "effect"
import { MEDIA_STREAM_PATH } from "../layers/MediaStreamRoute.ts"
import { CallError } from "./CallError.ts"

/** Where a call begins. */
export type CallTarget =
  /** At a voice webhook, whose answer names the media stream. */
  | { readonly _tag: "Webhook"; readonly url: URL }
  /** At a media stream, without a webhook. */
  | { readonly _tag: "MediaStream"; readonly url: URL }

/** Where a server of this machine is called if nothing else is said. */
export const DEFAULT_URL = "http://127.0.0.1:3001"

const WEBHOOK_PATH = "/twiml"

const kinds: Readonly<Record<string, CallTarget["_tag"]>> = {
  "http:": "Webhook",
  "https:": "Webhook",
  "ws:": "MediaStream",
  "wss:": "MediaStream"
}

/** Understands `http`, `https`, `ws` and `wss` URLs; one without a path means the path Parley serves. */
export const parseTarget = (text: string): Result.Result<CallTarget, CallError> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kind = url && kinds[url.protocol]
  if (url === undefined || kind === undefined) {
    const message = `${JSON.stringify(text)} cannot be called: expected an http, https, ws or wss URL such as ${DEFAULT_URL}`
    return Result.fail(new CallError({ message }))
  }
  if (url.pathname === "/") url.pathname = kind === "Webhook" ? WEBHOOK_PATH : MEDIA_STREAM_PATH
  return Result.succeed({ _tag: kind, url })
}

/** The same server under another path; `socket` for a WebSocket. */
export const besides = ({ url }: CallTarget, path: string, socket = false): URL => {
  const isSecure = url.protocol === "https:" || url.protocol === "wss:"
  return new URL(path, `${socket ? "ws" : "http"}${isSecure ? "s" : ""}://${url.host}`)
}
