import { assert, describe, it } from "@effect/vitest"
import { Headers } from "effect/http"
import { isForeign } from "../../src/layers/RequestOrigin.ts"

const publicUrl = new URL("https://agent.example.com")

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
    assert.isFalse(isForeign({ headers: Headers.fromInput(headers) }, publicUrl))
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
    assert.isTrue(isForeign({ headers: Headers.fromInput(headers) }, publicUrl))
    assert.isTrue(isForeign({ headers: Headers.fromInput(headers) }, undefined))
  })
})
