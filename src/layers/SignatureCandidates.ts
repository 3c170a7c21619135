/** Which URL a signature was made for: a URL as it is believed to be in, the ones it may have been signed as, and the one that fits, out. */
import { type Redacted } from "effect"
import { type SignedRequest, signatureProblem } from "./TwilioSignature.ts"

/** What may differ from the URL that is believed to be right. */
export interface CandidateOptions {
  /** Hosts that may have been called instead, with or without a port. */
  readonly hosts?: ReadonlyArray<string>
  /** Ports that may have been in the URL, besides none. */
  readonly ports?: ReadonlyArray<number>
  /** Schemes, without the colon. */
  readonly schemes?: ReadonlyArray<string>
}

/** A host alone: whether the URL had a port is another question. */
const withoutPort = (host: string): string => host.replace(/:\d*$/, "")

const unique = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(all)]

/** Every URL that `url` may have been signed as: other schemes, hosts and ports, a slash more or less, no query. `url` is first. */
export const candidateUrls = (url: URL, options: CandidateOptions = {}): ReadonlyArray<string> => {
  const schemes = unique([url.protocol.slice(0, -1), ...(options.schemes ?? ["https", "http", "wss", "ws"])])
  const hosts = unique([url.host, ...(options.hosts ?? [])].map(withoutPort))
  const given = [url.host, ...(options.hosts ?? [])].flatMap((host) => /:\d+$/.exec(host)?.[0] ?? [])
  const ports = unique(["", ...given, ...(options.ports ?? []).map((port) => `:${port}`)])
  const bare = url.pathname.replace(/\/+$/, "")
  const paths = unique([url.pathname, bare, `${bare}/`])
  const queries = unique([url.search, ""])
  const urls = schemes.flatMap((scheme) =>
    hosts.flatMap((host) =>
      ports.flatMap((port) =>
        paths.flatMap((path) => queries.map((query) => `${scheme}://${host}${port}${path}${query}`))
      )
    )
  )
  return unique([url.href, ...urls])
}

/** What a signature fits. */
export interface Fit {
  readonly url: string
  /** Which of the tokens, from 0. */
  readonly token: number
}

/** The first of the URLs that one of the tokens makes the request's signature for. */
export const findFit = (
  authTokens: ReadonlyArray<Redacted.Redacted>,
  request: Omit<SignedRequest, "url">,
  urls: ReadonlyArray<string>
): Fit | undefined => {
  for (const url of urls) {
    const token = authTokens.findIndex((authToken) => signatureProblem([authToken], { ...request, url }) === undefined)
    if (token !== -1) return { url, token }
  }
  return undefined
}
