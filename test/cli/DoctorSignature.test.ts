import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { checkSignature, readRequest, type SignedCase } from "../../src/cli/DoctorSignature.ts"
import { sign } from "../../src/layers/TwilioSignature.ts"

const token = Redacted.make("12345")
const second = Redacted.make("67890")
const origin = new URL("https://agent.example.com")
const edge = { verification: { origin, authTokens: [token, second] } } as const
const form = "application/x-www-form-urlencoded"
const fields = { CallSid: "CA1", From: "+15550100" }
const body = new URLSearchParams(fields).toString()

const check = (request: Partial<SignedCase>) =>
  checkSignature(
    { url: "https://agent.example.com/twiml", signature: undefined, contentType: form, body, hosts: [], ...request },
    edge,
    [3001]
  )

/** What is found about a form that was signed for this URL, and is expected at the other. */
const signedFor = (signed: string, url = "https://agent.example.com/twiml", key = token) => {
  const [found, ...others] = check({ url, signature: sign(key, signed, fields) })
  assert(found !== undefined && others.length === 0)
  return found
}

describe("a signature that is as it should be", () => {
  it("is said to be", () => {
    const found = signedFor("https://agent.example.com/twiml")
    assert.strictEqual(found.standing, "ok")
    assert.include(found.found, "TWILIO_AUTH_TOKEN for https://agent.example.com/twiml, as this server expects")
  })

  it("may be made with the second token, or with the port that the carrier leaves out", () => {
    assert.include(signedFor("https://agent.example.com/twiml", undefined, second).found, "TWILIO_AUTH_TOKEN_SECONDARY")
    assert.strictEqual(signedFor("https://agent.example.com:443/twiml").standing, "ok")
  })

  it.each([
    "wss://agent.example.com/media-stream",
    "wss://agent.example.com/media-stream/",
    "https://agent.example.com/media-stream"
  ])("may be that of an upgrade for %s", (url) => {
    const upgrade = { contentType: undefined, body: "", url: "wss://agent.example.com/media-stream" }
    const [found] = check({ ...upgrade, signature: sign(token, url) })
    assert.strictEqual(found?.standing, "ok")
  })
})

describe("a signature for another URL", () => {
  it.each([
    ["https://old.example.com/twiml", "its host is old.example.com", "set PUBLIC_URL to https://old.example.com"],
    ["https://agent.example.com:8443/twiml", "its port is 8443", "set PUBLIC_URL to https://agent.example.com:8443"],
    [
      "http://agent.example.com/twiml",
      "its scheme is http",
      "set the webhook in the Twilio Console to https://agent.example.com/twiml"
    ],
    [
      "https://agent.example.com/twiml/",
      "it ends with a slash",
      "what the proxy between Twilio and this server does to paths"
    ]
  ])("is found out: %s", (signed, difference, fix) => {
    const [found] = check({
      url: "https://agent.example.com/twiml",
      signature: sign(token, signed, fields),
      hosts: ["old.example.com", "agent.example.com:8443"]
    })
    assert.strictEqual(found?.standing, "broken")
    assert.include(found?.found, difference)
    assert.include(found?.fix, fix)
  })

  it("is found out when a proxy dropped the query", () => {
    const url = "https://agent.example.com/twiml?tenant=7"
    const [found] = check({ url, signature: sign(token, "https://agent.example.com/twiml", fields) })
    assert.include(found?.found, "it has no query")
  })

  it("is found out when fields were added on the way", () => {
    const [url, lost] = check({ signature: sign(token, "https://agent.example.com/twiml") })
    assert.strictEqual(url?.standing, "ok")
    assert.include(lost?.found, "it was made without the form fields")
  })
})

describe("a signature that fits nothing", () => {
  it("is told with what to look at", () => {
    const [found] = check({
      signature: sign(Redacted.make("somebody else's"), "https://agent.example.com/twiml", fields)
    })
    assert.strictEqual(found?.standing, "broken")
    assert.match(found?.found ?? "", /not made with either auth token for any of \d+ URLs/)
    assert.include(found?.fix, "the account (or subaccount) that owns the number")
  })

  it("is none at all without the header, the token, or a URL", () => {
    assert.include(check({ signature: "" })[0]?.found, "no X-Twilio-Signature")
    assert.include(check({ signature: "x", url: "agent" })[0]?.found, `"agent" is no URL`)
    const [found] = checkSignature(
      { url: "", signature: "x", contentType: form, body, hosts: [] },
      { verification: undefined },
      []
    )
    assert.strictEqual(found?.found, "TWILIO_AUTH_TOKEN is not set")
  })

  it("shows no token", () => {
    for (const { fix, found } of [
      ...check({ signature: "x" }),
      ...check({ signature: sign(token, "https://x.example.com/twiml", fields) })
    ]) {
      for (const secret of ["12345", "67890", "5550100"]) assert.notInclude(`${found} ${fix}`, secret)
    }
  })
})

describe("a request that was written down", () => {
  const text = (path: string, signature: string, host = "10.0.0.7:3001") =>
    [
      `POST ${path} HTTP/1.1`,
      `Host: ${host}`,
      "X-Forwarded-Host: agent.example.com",
      `X-Twilio-Signature: ${signature}`,
      `Content-Type: ${form}; charset=UTF-8`,
      "",
      body,
      ""
    ].join("\r\n")

  it("is read with all that was signed", () => {
    const signature = sign(token, "https://agent.example.com/twiml?a=1", fields)
    const request = readRequest(text("/twiml?a=1", signature), origin)
    assert.deepStrictEqual(request, {
      url: "https://agent.example.com/twiml?a=1",
      signature,
      contentType: `${form}; charset=UTF-8`,
      body,
      hosts: ["agent.example.com", "10.0.0.7:3001"]
    })
    assert(request !== undefined)
    assert.strictEqual(checkSignature(request, edge, [])[0]?.standing, "ok")
  })

  it("names the hosts that it may have been signed for", () => {
    const signature = sign(token, "https://tunnel.example.com/twiml", fields)
    const request = readRequest(text("/twiml", signature, "tunnel.example.com"), origin)
    assert(request !== undefined)
    assert.strictEqual(checkSignature(request, edge, [])[0]?.fix, "set PUBLIC_URL to https://tunnel.example.com")
  })

  it("may be an upgrade", () => {
    const request = readRequest("GET /media-stream HTTP/1.1\nUpgrade: websocket\nX-Twilio-Signature: x\n\n", origin)
    assert.deepInclude(request, { url: "wss://agent.example.com/media-stream", body: "", contentType: undefined })
  })

  it("is not read if it is none", () => {
    assert.strictEqual(readRequest("hello", origin), undefined)
    assert.strictEqual(readRequest("", undefined), undefined)
  })
})
