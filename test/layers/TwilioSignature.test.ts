import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import { createHash } from "node:crypto"
import * as TwilioSignature from "../../src/layers/TwilioSignature.ts"

const token = Redacted.make("12345")
const other = Redacted.make("54321")
const form = "application/x-www-form-urlencoded"

const problem = (request: Partial<TwilioSignature.SignedRequest>, tokens = [token] as const) =>
  TwilioSignature.signatureProblem(tokens, {
    url: "https://mycompany.com/myapp.php?foo=1&bar=2",
    signature: undefined,
    contentType: undefined,
    body: "",
    ...request
  })

const fields = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+14158675309",
  Digits: "1234",
  From: "+14158675309",
  To: "+18005551212"
}
/** Lone surrogates have no bytes, so a form cannot hold them. */
const wellFormedText = (text: string) => Buffer.from(text).toString()
const body = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString()

describe("a form", () => {
  const signed = { signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=", contentType: form, body: body(fields) }

  it("has the signature of the vectors", () => {
    assert.strictEqual(problem(signed), undefined)
    assert.strictEqual(problem({ ...signed, contentType: `${form}; charset=UTF-8` }), undefined)
    const example = { ...fields, Caller: "+14158675310", From: "+14158675310" }
    const url = "https://example.com/myapp.php?foo=1&bar=2"
    assert.strictEqual(
      problem({ url, signature: "L/OH5YylLD5NRKLltdqwSvS0BnU=", contentType: form, body: body(example) }),
      undefined
    )
    assert.strictEqual(TwilioSignature.sign(token, url, example), "L/OH5YylLD5NRKLltdqwSvS0BnU=")
  })

  it.each([
    ["a field more", { body: `${signed.body}&Extra=1` }],
    ["a field less", { body: signed.body.replace("Digits=1234&", "") }],
    ["a field changed", { body: signed.body.replace("1234&", "1235&") }],
    ["another path", { url: "https://mycompany.com/other.php?foo=1&bar=2" }],
    ["another query", { url: "https://mycompany.com/myapp.php?foo=1&bar=3" }],
    ["another host", { url: "https://example.com/myapp.php?foo=1&bar=2" }],
    ["another scheme", { url: "http://mycompany.com/myapp.php?foo=1&bar=2" }],
    ["another signature of the same length", { signature: "RSOYDt4T1cUTdK1PDd93/VVr8B9=" }],
    ["a shorter one", { signature: "RSOYDt4T1cUTdK1PDd93" }],
    ["two at once", { signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=, RSOYDt4T1cUTdK1PDd93/VVr8B8=" }]
  ] as const)("is refused with %s", (_, change) => {
    assert.strictEqual(problem({ ...signed, ...change }), "wrong signature")
  })

  it("is refused without a signature, and with one of another account", () => {
    assert.strictEqual(problem({ ...signed, signature: undefined }), "no signature")
    assert.strictEqual(problem({ ...signed, signature: "" }), "no signature")
    assert.strictEqual(problem(signed, [other]), "wrong signature")
  })

  it("may be signed with either token while one is being replaced", () => {
    assert.strictEqual(problem(signed, [token, other] as never), undefined)
    assert.strictEqual(problem(signed, [other, token] as never), undefined)
  })

  it("counts the values of a name that comes more than once, each once, in order", () => {
    const url = "https://example.com/twiml"
    const signature = TwilioSignature.sign(token, url, { Media: ["b", "a"] })
    assert.strictEqual(problem({ url, signature, contentType: form, body: "Media=b&Media=a&Media=b" }), undefined)
    assert.strictEqual(problem({ url, signature, contentType: form, body: "Media=ba" }), "wrong signature")
  })

  it("may have fields with the names of an object's own things, and empty ones", () => {
    const url = "https://example.com/twiml"
    const odd = { constructor: "1", toString: "2", Empty: "", Wörter: "ä & ö = ü" }
    const signature = TwilioSignature.sign(token, url, odd)
    assert.strictEqual(problem({ url, signature, contentType: form, body: body(odd) }), undefined)
  })

  it("is signed for a port that is there, or not", () => {
    const withoutPort = "https://agent.example.com/twiml"
    const signature = TwilioSignature.sign(token, withoutPort, {})
    for (const url of [withoutPort, "https://agent.example.com:443/twiml", "https://agent.example.com:8443/twiml"]) {
      assert.strictEqual(problem({ url, signature, contentType: form }), undefined, url)
    }
  })
})

describe("a request without a body", () => {
  it("is signed by its URL alone", () => {
    const url = "https://agent.example.com/twiml?CallSid=CA1&From=%2B15550100"
    const signature = TwilioSignature.sign(token, url)
    assert.strictEqual(problem({ url, signature }), undefined)
    assert.strictEqual(problem({ url: url.replace("CA1", "CA2"), signature }), "wrong signature")
    assert.strictEqual(problem({ url, signature, contentType: form, body: "CallSid=CA2" }), "wrong signature")
  })

  it("is refused if its URL is none", () => {
    assert.strictEqual(problem({ url: "https://exa mple.com:twiml", signature: "x" }), "wrong signature")
  })
})

describe("a JSON body", () => {
  const json = `{"property": "value", "boolean": true}`
  const url =
    "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
  const signed = { url, signature: "a9nBmqA0ju/hNViExpshrM61xv4=", contentType: "application/json", body: json }

  it("has the signature of the vector", () => {
    assert.strictEqual(problem(signed), undefined)
  })

  it("is refused with a byte changed, or a hash of another body", () => {
    assert.strictEqual(problem({ ...signed, body: json.replace("true", "tru3") }), "wrong signature")
    const changed = `{"property": "other"}`
    const hash = createHash("sha256").update(changed).digest("hex")
    const url = signed.url.replace(/bodySHA256=.*/, `bodySHA256=${hash}`)
    assert.strictEqual(problem({ ...signed, url, body: changed }), "wrong signature")
  })

  it("is refused if the URL does not vouch for it: the signature of the URL alone is no signature of it", () => {
    const url = "https://agent.example.com/twiml"
    const signature = TwilioSignature.sign(token, url)
    assert.strictEqual(problem({ url, signature, contentType: "application/json", body: json }), "body not signed")
    assert.strictEqual(problem({ url, signature, contentType: undefined, body: "CallSid=CA1" }), "body not signed")
    assert.strictEqual(
      problem({ url, signature, contentType: "application/x-www-form-urlencodedx", body: json }),
      "body not signed"
    )
  })
})

describe("the upgrade of a media stream", () => {
  const verification = { origin: new URL("https://agent.example.com"), authTokens: [token] } as const
  const isSigned = (signature: string) => TwilioSignature.isUpgradeSigned(verification, "/media-stream", signature)

  it("has one of the signatures of the vectors", () => {
    assert.isTrue(isSigned("6twNsYiuYAS0i62gts1rqaH8MJg="))
    assert.isTrue(isSigned("/chY2OSm00ILs3g6u8Nxe/2+k8w="))
  })

  it.each([
    ["https://agent.example.com/media-stream", true],
    ["https://agent.example.com/media-stream/", true],
    ["wss://agent.example.com/other", false],
    ["wss://agent.example.com.evil.example/media-stream", false],
    ["http://agent.example.com/media-stream", false]
  ] as const)("may be signed for %s: %s", (url, expected) => {
    assert.strictEqual(isSigned(TwilioSignature.sign(token, url)), expected)
  })

  it("is refused with an empty signature", () => {
    assert.isFalse(isSigned(""))
  })
})

describe("any form", () => {
  const Fields = Schema.Record(Schema.String.check(Schema.isMinLength(1)), Schema.String)
  it.prop("is accepted as it was signed, and with no other token", { fields: Fields }, ({ fields }) => {
    const wellFormed = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [wellFormedText(name), wellFormedText(value)])
    )
    const url = "https://agent.example.com/twiml?a=1"
    const signature = TwilioSignature.sign(token, url, wellFormed)
    const request = { url, signature, contentType: form, body: body(wellFormed) }
    assert.strictEqual(problem(request), undefined)
    assert.strictEqual(problem(request, [other]), "wrong signature")
  })
})
