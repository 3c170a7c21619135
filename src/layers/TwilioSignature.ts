/** Whether a request was signed by the carrier: what was signed, the signature and the auth tokens in, what is wrong out. Source: twilio.com/docs/usage/security. */
import { Redacted } from "effect"
import { getExpectedTwilioSignature, validateRequest, validateRequestWithBody } from "twilio/lib/webhooks/webhooks.js"
import { type Verification } from "../schema/EdgeSettings.ts"

/** The header with the signature. */
export const SIGNATURE_HEADER = "x-twilio-signature"

/** What the carrier signs of a request. */
export interface SignedRequest {
  /** URL as the carrier was given it, with its query. */
  readonly url: string
  /** What the header says. */
  readonly signature: string | undefined
  readonly contentType: string | undefined
  /** Body as text; "" for a request without one, such as an upgrade. */
  readonly body: string
}

/**
 * Why a request may be somebody else's.
 *
 * - `no signature` — it has none
 * - `wrong signature` — none of the tokens makes this signature for this URL and these form fields
 * - `body not signed` — a body that is no form, in a URL without its `bodySHA256`: anybody could have written it
 */
export type SignatureProblem = "no signature" | "wrong signature" | "body not signed"

type Fields = Readonly<Record<string, string | ReadonlyArray<string>>>

/** Whether a body is one of a form, by its type. */
export const isForm = (contentType: string | undefined): boolean =>
  /^application\/x-www-form-urlencoded *(?:;|$)/i.test(contentType ?? "")

const isBodySigned = (url: string): boolean => new URL(url).searchParams.has("bodySHA256")

const formFields = (body: string): Fields => {
  // Of a name that comes more than once, the helper wants all values.
  const fields = new Map<string, Array<string>>()
  for (const [name, value] of new URLSearchParams(body)) {
    const values = fields.get(name)
    if (values === undefined) fields.set(name, [value])
    else values.push(value)
  }
  // Own properties, whatever the name.
  return Object.fromEntries(fields)
}

/** Whether a token signed the request; its fields are read once for all tokens. */
const verifierOf = (request: SignedRequest): ((token: string) => boolean) => {
  const { body, url } = request
  const signature = request.signature ?? ""
  if (!isForm(request.contentType) && body !== "") {
    return (token) => validateRequestWithBody(token, signature, url, body)
  }
  const fields = formFields(body)
  return (token) => validateRequest(token, signature, url, fields)
}

/** Undefined if one of the tokens signed the request. Compares in constant time. */
export const signatureProblem = (
  authTokens: Verification["authTokens"],
  request: SignedRequest
): SignatureProblem | undefined => {
  if (request.signature === undefined || request.signature === "") return "no signature"
  if (!URL.canParse(request.url)) return "wrong signature"
  if (request.body !== "" && !isForm(request.contentType) && !isBodySigned(request.url)) return "body not signed"
  const isSignedWith = verifierOf(request)
  return authTokens.some((authToken) => isSignedWith(Redacted.value(authToken))) ? undefined : "wrong signature"
}

/** The carrier may have signed the media stream's URL as a web page or as a socket, with or without a slash at its end. */
export const upgradeUrls = (origin: URL, path: string): ReadonlyArray<string> =>
  ["wss:", "https:"].flatMap((scheme) => [`${scheme}//${origin.host}${path}`, `${scheme}//${origin.host}${path}/`])

/** Whether the carrier signed the upgrade of a media stream at this path. */
export const isUpgradeSigned = ({ authTokens, origin }: Verification, path: string, signature: string): boolean =>
  upgradeUrls(origin, path).some(
    (url) => signatureProblem(authTokens, { url, signature, contentType: undefined, body: "" }) === undefined
  )

/** The signature of a request without a JSON body, for who places calls in the carrier's stead. */
export const sign = (authToken: Redacted.Redacted, url: string, fields: Fields = {}): string =>
  getExpectedTwilioSignature(Redacted.value(authToken), url, { ...fields })
