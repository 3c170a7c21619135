/** Looks at a request that was refused: finds out which URL its signature was made for, and what stands between that and this server. */
import { type Redacted } from "effect"
import { candidateUrls, findFit, type Fit } from "../layers/SignatureCandidates.ts"
import { SIGNATURE_HEADER, type SignedRequest } from "../layers/TwilioSignature.ts"
import { type EdgeSettings } from "../schema/EdgeSettings.ts"
import { type Finding, finding } from "./DoctorFinding.ts"

/** What is known of the request. */
export interface SignedCase extends SignedRequest {
  /** Names it was sent to, by its own word. */
  readonly hosts: ReadonlyArray<string>
}

/** A request as text in (its head, an empty line, its body), what was signed of it out; undefined if it is none. */
export const readRequest = (text: string, origin: URL | undefined): SignedCase | undefined => {
  const [head = "", ...rest] = text.split(/\r?\n\r?\n/)
  const [first = "", ...lines] = head.split(/\r?\n/)
  const target = /^[A-Z]+ (\S+) HTTP\/[\d.]+$/.exec(first)?.[1]
  if (target === undefined) return undefined
  const headers = new Map(
    lines.flatMap((line) => {
      const at = line.indexOf(":")
      return at > 0 ? [[line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()] as const] : []
    })
  )
  const hosts = ["x-forwarded-host", "x-original-host", "host"].flatMap((name) => headers.get(name) ?? [])
  const scheme = headers.get("upgrade")?.toLowerCase() === "websocket" ? "wss" : "https"
  const host = origin?.host ?? hosts[0] ?? "localhost"
  return {
    url: URL.canParse(target) ? target : `${scheme}://${host}${target}`,
    signature: headers.get(SIGNATURE_HEADER),
    contentType: headers.get("content-type"),
    // What an editor put at the end is not part of it.
    body: rest.join("\n\n").replace(/\r?\n$/, ""),
    hosts
  }
}

const withoutSlash = (path: string): string => path.replace(/\/+$/, "")

/** What is different about the URL that was signed, for a person; empty if it is the one that was expected. */
const differences = (signed: URL, expected: URL): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (signed.protocol !== expected.protocol) found.push(`its scheme is ${signed.protocol.slice(0, -1)}`)
  if (signed.hostname !== expected.hostname) found.push(`its host is ${signed.hostname}`)
  if (signed.port !== expected.port) found.push(signed.port === "" ? "it has no port" : `its port is ${signed.port}`)
  if (signed.pathname !== expected.pathname) {
    if (withoutSlash(signed.pathname) === withoutSlash(expected.pathname)) {
      found.push(signed.pathname.endsWith("/") ? "it ends with a slash" : "it does not end with a slash")
    } else found.push(`its path is ${signed.pathname}`)
  }
  if (signed.search !== expected.search) found.push(signed.search === "" ? "it has no query" : "it has another query")
  return found
}

const fixFor = (signed: URL, expected: URL, isUpgrade: boolean): string | undefined => {
  if (signed.host !== expected.host) return `set PUBLIC_URL to https://${signed.host}`
  if (signed.protocol !== expected.protocol && !isUpgrade) {
    return `set the webhook in the Twilio Console to ${expected.origin}${expected.pathname}`
  }
  // Of an upgrade, the slash does not matter to the server.
  const pathOf = ({ pathname }: URL) => (isUpgrade ? withoutSlash(pathname) : pathname)
  if (pathOf(signed) !== pathOf(expected) || signed.search !== expected.search) {
    return "see what the proxy between Twilio and this server does to paths and queries, and have it leave them as they are"
  }
  return undefined
}

const describeFit = (fit: Fit, expected: URL, isUpgrade: boolean, bodyLost: boolean): ReadonlyArray<Finding> => {
  const signed = new URL(fit.url)
  const which = fit.token === 0 ? "TWILIO_AUTH_TOKEN" : "TWILIO_AUTH_TOKEN_SECONDARY"
  const shown = `${signed.origin === "null" ? `${signed.protocol}//${signed.host}` : signed.origin}${signed.pathname}`
  const different = differences(signed, expected)
  const fix = fixFor(signed, expected, isUpgrade)
  const findings = [
    different.length === 0 || fix === undefined
      ? finding("ok", "signature", `it was made with ${which} for ${shown}, as this server expects`)
      : finding("broken", "signature", `it was made with ${which} for ${shown}: ${different.join(", ")}`, fix)
  ]
  return bodyLost
    ? [
        ...findings,
        finding(
          "broken",
          "signature",
          "it was made without the form fields that came with it",
          "see whether something between Twilio and this server adds fields, or give the body as Twilio sent it"
        )
      ]
    : findings
}

/** Tries every URL that the request may have been signed for, with each of the tokens. */
export const checkSignature = (
  request: SignedCase,
  { verification }: Pick<EdgeSettings, "verification">,
  ports: ReadonlyArray<number>
): ReadonlyArray<Finding> => {
  if (verification === undefined) {
    return [finding("broken", "signature", "TWILIO_AUTH_TOKEN is not set", "set it: signatures are made with it")]
  }
  if (request.signature === undefined || request.signature === "") {
    return [
      finding(
        "broken",
        "signature",
        "the request has no X-Twilio-Signature",
        "it does not come from Twilio, or a proxy drops the header: have it pass the header on"
      )
    ]
  }
  if (!URL.canParse(request.url)) {
    return [
      finding("broken", "signature", `${JSON.stringify(request.url)} is no URL`, "give it with its scheme and host")
    ]
  }
  const url = new URL(request.url)
  const isUpgrade = /^wss?:$/.test(url.protocol)
  const expected = new URL(`${isUpgrade ? "wss:" : "https:"}//${verification.origin.host}${url.pathname}${url.search}`)
  const hosts = [url.host, verification.origin.host, ...request.hosts]
  // The likeliest first: what the server itself would take is not to be called a mistake.
  const urls = candidateUrls(expected, { hosts, ports: [443, 80, ...ports] })
  const tokens: ReadonlyArray<Redacted.Redacted> = verification.authTokens
  const fit = findFit(tokens, request, urls)
  if (fit !== undefined) return describeFit(fit, expected, isUpgrade, false)
  const withoutBody = findFit(tokens, { ...request, contentType: undefined, body: "" }, urls)
  if (withoutBody !== undefined) return describeFit(withoutBody, expected, isUpgrade, request.body !== "")
  return [
    finding(
      "broken",
      "signature",
      `it was not made with ${tokens.length === 1 ? "TWILIO_AUTH_TOKEN" : "either auth token"} for any of ${urls.length} URLs that were tried`,
      "see whether the token is that of the account (or subaccount) that owns the number — API key secrets make no " +
        "signatures — and whether the URL and the body are given as Twilio sent them, with all fields"
    )
  ]
}
