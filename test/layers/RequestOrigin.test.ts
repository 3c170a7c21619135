import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { Headers } from "effect/http"
import { isForeign } from "../../src/layers/RequestOrigin.ts"

const publicUrl = new URL("https://agent.example.com")

const from = (address: string, headers: Readonly<Record<string, string>>) => ({
  headers: Headers.fromInput(headers),
  remoteAddress: Option.some(address)
})

describe("a request", () => {
  it.each([
    ["of no page", {}],
    ["of a page on the host that was asked", { origin: "http://localhost:3001", host: "localhost:3001" }],
    ["of a page on that host in other letters", { origin: "http://localhost:3001", host: "LOCALHOST:3001" }],
    ["of a page on an address", { origin: "http://[::1]:3001", host: "[::1]:3001" }],
    ["of a page behind a proxy that ends TLS", { origin: "https://a.example", host: "a.example" }],
    ["whose host names the scheme's own port", { origin: "https://a.example", host: "a.example:443" }],
    ["of a page on the public host", { origin: "https://agent.example.com", host: "10.0.0.7:3001" }],
    [
      "of a page on the host that a tunnel was asked for",
      { origin: "https://tunnel.example", host: "localhost:3001", "x-forwarded-host": "tunnel.example" }
    ]
  ])("%s is our own", (_name, headers) => {
    for (const peer of ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.0.0.9"]) {
      assert.isFalse(isForeign(from(peer, headers), publicUrl), peer)
    }
  })

  it.each([
    ["of a page elsewhere", { origin: "https://evil.example", host: "localhost:3001" }],
    ["of a page on another port", { origin: "http://localhost:8080", host: "localhost:3001" }],
    ["of a page on a host that begins the same", { origin: "https://a.example.evil.example", host: "a.example" }],
    ["of a page without an origin", { origin: "null", host: "localhost:3001" }],
    ["of a file", { origin: "file://", host: "localhost:3001" }],
    ["with an empty origin", { origin: "", host: "localhost:3001" }],
    ["that says nothing of its host", { origin: "https://evil.example" }],
    ["of a page elsewhere through a tunnel", { origin: "https://evil.example", "x-forwarded-host": "a.example" }]
  ])("%s is not", (_name, headers) => {
    for (const peer of ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.9"]) {
      assert.isTrue(isForeign(from(peer, headers), publicUrl), peer)
      assert.isTrue(isForeign(from(peer, headers), undefined), peer)
    }
  })

  // A page of theirs that was loaded from their server, whose name then leads here, is of the host that is asked.
  const rebound = { origin: "http://evil.example:3001", host: "evil.example:3001" }

  it("of a page whose name was made to lead to this machine is not", () => {
    for (const peer of ["127.0.0.1", "127.0.0.9", "::ffff:127.0.0.1", "::1"]) {
      assert.isTrue(isForeign(from(peer, rebound), publicUrl), peer)
      assert.isTrue(isForeign(from(peer, rebound), undefined), peer)
    }
    const odd = { origin: "http://localhost.evil.example", host: "localhost.evil.example" }
    assert.isTrue(isForeign(from("127.0.0.1", odd), undefined))
  })

  it.each([
    ["through a tunnel, which says so", "127.0.0.1", { ...rebound, "x-forwarded-for": "203.0.113.7" }],
    ["through a proxy that says so in another way", "127.0.0.1", { ...rebound, forwarded: "for=203.0.113.7" }],
    ["from another machine", "10.0.0.9", rebound],
    ["on a name of this machine", "127.0.0.1", { origin: "http://parley.localhost", host: "parley.localhost" }]
  ])("of a page %s is our own", (_name, peer, headers) => {
    assert.isFalse(isForeign(from(peer, headers), undefined))
  })
})
