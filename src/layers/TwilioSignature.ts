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

const isForm = (contentType: string | undefined): boolean =>
  /^application\/x-www-form-urlencoded *(?:;|$)/i.test(contentType ?? "")

const isBodySigned = (url: string): boolean => new URL(url).searchParams.has("bodySHA256")

const formFields = (body: string): Fields => {
  const form = new URLSearchParams(body)
  // Of a name that comes more than once, the helper wants all values. Own properties, whatever the name.
  return Object.fromEntries([...new Set(form.keys())].map((name) => [name, form.getAll(name)] as const))
}

const isSignedWith = (authToken: Redacted.Redacted, request: SignedRequest): boolean => {
  const token = Redacted.value(authToken)
  const signature = request.signature ?? ""
  if (isForm(request.contentType)) return validateRequest(token, signature, request.url, formFields(request.body))
  return request.body === ""
    ? validateRequest(token, signature, request.url, {})
    : validateRequestWithBody(token, signature, request.url, request.body)
}

/** Undefined if one of the tokens signed the request. Compares in constant time. */
export const signatureProblem = (
  authTokens: Verification["authTokens"],
  request: SignedRequest
): SignatureProblem | undefined => {
  if (request.signature === undefined || request.signature === "") return "no signature"
  if (!URL.canParse(request.url)) return "wrong signature"
  if (request.body !== "" && !isForm(request.contentType) && !isBodySigned(request.url)) return "body not signed"
  return authTokens.some((authToken) => isSignedWith(authToken, request)) ? undefined : "wrong signature"
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
