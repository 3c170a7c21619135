import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { besides, parseTarget } from "../../src/cli/CallTarget.ts"

describe("parseTarget", () => {
  it.each([
    ["http://127.0.0.1:3001", "Webhook", "http://127.0.0.1:3001/twiml"],
    ["https://agent.example.com/", "Webhook", "https://agent.example.com/twiml"],
    ["https://agent.example.com/voice?line=2", "Webhook", "https://agent.example.com/voice?line=2"],
    ["ws://127.0.0.1:3001", "MediaStream", "ws://127.0.0.1:3001/media-stream"],
    ["wss://agent.example.com/stream", "MediaStream", "wss://agent.example.com/stream"]
  ])("takes %s for a %s at %s", (text, tag, href) => {
    const { _tag, url } = Result.getOrThrow(parseTarget(text))
    assert.deepStrictEqual([_tag, url.href], [tag, href])
  })

  it.each(["localhost:3001", "agent.example.com", "ftp://agent.example.com", "+15005550006", ""])(
    "says what it expected instead of %o",
    (text) => {
      const error = Result.getOrThrow(Result.flip(parseTarget(text)))
      assert.strictEqual(
        error.message,
        `${JSON.stringify(text)} cannot be called: expected an http, https, ws or wss URL such as http://127.0.0.1:3001`
      )
    }
  )
})

describe("besides", () => {
  it.each([
    ["http://a.test:1/twiml", false, "http://a.test:1/x?y=z"],
    ["https://a.test/voice", true, "wss://a.test/x?y=z"],
    ["ws://a.test/media-stream", false, "http://a.test/x?y=z"],
    ["wss://a.test:8443", true, "wss://a.test:8443/x?y=z"]
  ])("finds the same server as %s, socket: %s", (text, socket, href) => {
    assert.strictEqual(besides(Result.getOrThrow(parseTarget(text)), "/x?y=z", socket).href, href)
  })
})
