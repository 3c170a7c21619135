import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { type ServerResponse } from "node:http"
import { checkPublicUrl } from "../../src/cli/DoctorPublicUrl.ts"
import { type VisitedServer, visitServer } from "../../src/cli/DoctorServer.ts"
import { defaultEdgeSettings, type EdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { EdgeConfig } from "../../src/services/EdgeConfig.ts"
import { type ProxyOptions, serveProxy } from "../support/proxy.ts"
import { freePort, serve } from "../support/httpServer.ts"

const client = Layer.merge(NodeWS.layerWebSocketConstructor, FetchHttpClient.layer)

const secret = "not-to-be-seen"

const verifying = (origin: URL): EdgeSettings => ({
  ...defaultEdgeSettings,
  verification: { origin, authTokens: [Redacted.make(secret)] }
})

/** A server for the visit, configured like this. */
const visit = (edge: EdgeSettings, publicUrl: URL | undefined, port = 0) =>
  visitServer.pipe(
    Effect.provideService(EdgeConfig, edge),
    Effect.provideService(AppConfig, { server: { host: "127.0.0.1", port, publicUrl } } as AppConfig["Service"])
  )

const originOf = ({ port }: VisitedServer) => new URL(`http://127.0.0.1:${port}`)

/** What is found of a server behind a proxy, which the server is told is its origin if it verifies requests. */
const lookThrough = (options: ProxyOptions, verified = true) =>
  Effect.gen(function* () {
    let target: URL | undefined
    const origin = yield* serveProxy(() => target ?? new URL("http://127.0.0.1:1"), options)
    const edge = verified ? verifying(origin) : defaultEdgeSettings
    const { server } = yield* visit(edge, origin)
    assert(server !== undefined, "expected a server")
    target = originOf(server)
    const findings = yield* checkPublicUrl(origin, server, edge)
    assert.notInclude(JSON.stringify(findings), secret)
    return findings.map(({ about, fix, found, standing }) => ({
      what: `${about} ${standing}`,
      text: `${found} → ${fix}`
    }))
  }).pipe(Effect.provide(client))

const answering = (status: number, headers: Readonly<Record<string, string>> = {}, body = "") => ({
  answer: (_: unknown, response: ServerResponse) => {
    response.writeHead(status, headers).end(body)
    return true
  }
})

const run = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) => Effect.provide(effect, client)

describe("a public URL that leads to this server", () => {
  it.live.each([true, false])("carries a whole call, if requests are verified: %s", (verified) =>
    Effect.gen(function* () {
      const findings = yield* lookThrough({ upgrades: true }, verified)
      assert.deepStrictEqual(
        findings.map(({ what }) => what),
        ["public URL ok", "media stream ok", "rehearsal ok"]
      )
    })
  )

  it.live("carries no call if upgrades are not passed on", () =>
    Effect.gen(function* () {
      const findings = yield* lookThrough({})
      assert.deepStrictEqual(
        findings.map(({ what }) => what),
        ["public URL ok", "media stream broken"]
      )
      assert.include(findings[1]?.text, "pass upgrades on")
    })
  )

  it.live("carries no call if paths are changed so that signatures do not fit", () =>
    Effect.gen(function* () {
      const path = (path: string) => (path.startsWith("/twiml") ? `${path}?via=proxy` : path)
      const findings = yield* lookThrough({ upgrades: true, path })
      assert.strictEqual(findings[2]?.what, "rehearsal broken")
      assert.include(findings[2]?.text, "answered with status 403 → the signature did not survive")
    })
  )
})

describe("a public URL that does not", () => {
  it.live.each([
    [502, {}, "does not reach this server (502)"],
    [530, {}, "does not reach this server (530)"],
    [404, { "ngrok-error-code": "ERR_NGROK_3200" }, "is not running → start a tunnel"],
    [401, {}, "asks who is there (401)"],
    [301, { location: "https://www.example.com/health" }, "redirects to https://www.example.com: "],
    [404, { "content-type": "text/html" }, "answered by something else (404, text/html)"],
    [200, { "content-type": "text/html" }, "answered by something else (200, text/html)"]
  ] as const)("is explained: %d %o", ([status, headers, expected]) =>
    Effect.gen(function* () {
      const [found, ...others] = yield* lookThrough(answering(status, headers, "<html>"))
      assert.strictEqual(others.length, 0)
      assert.strictEqual(found?.what, "public URL broken")
      assert.include(found?.text, expected)
    })
  )

  it.live("may lead to another server of this kind", () =>
    Effect.gen(function* () {
      const other = yield* serve(() => Effect.void)
      const { server } = yield* visit(defaultEdgeSettings, undefined)
      assert(server !== undefined)
      const [found] = yield* checkPublicUrl(new URL(`http://${other}`), server, defaultEdgeSettings)
      assert.include(found?.found, "is another Parley server")
    }).pipe(Effect.provide(client))
  )

  it.live("may lead nowhere", () =>
    Effect.gen(function* () {
      const { server } = yield* visit(defaultEdgeSettings, undefined)
      assert(server !== undefined)
      const look = (url: string) => checkPublicUrl(new URL(url), server, defaultEdgeSettings)
      assert.include((yield* look(`http://127.0.0.1:${yield* freePort}`))[0]?.found, "ECONNREFUSED")
      // Plain HTTP where TLS is expected.
      assert.strictEqual((yield* look(`https://127.0.0.1:${server.port}`))[0]?.standing, "broken")
      const [none] = yield* checkPublicUrl(undefined, server, defaultEdgeSettings)
      assert.strictEqual(none?.standing, "warning")
    }).pipe(Effect.provide(client))
  )
})

describe("the port", () => {
  it.live("is free, taken by a running server, or by another program", () =>
    run(
      Effect.gen(function* () {
        const first = yield* visit(defaultEdgeSettings, undefined)
        assert.deepInclude(first.server, { own: true })
        assert.strictEqual(first.finding.standing, "ok")

        const running = new URL(`http://${yield* serve(() => Effect.void)}`)
        const second = yield* visit(defaultEdgeSettings, undefined, Number(running.port))
        assert.deepInclude(second.server, { own: false, port: Number(running.port) })
        assert.include(second.finding.found, "a Parley server runs on")

        const other = yield* serveProxy(() => running, answering(200))
        const third = yield* visit(defaultEdgeSettings, undefined, Number(other.port))
        assert.strictEqual(third.server, undefined)
        assert.include(third.finding.found, "is already in use")
      })
    )
  )

  it.live("of a server that runs is looked at without a call", () =>
    Effect.gen(function* () {
      const running = new URL(`http://${yield* serve(() => Effect.die("no call was expected"))}`)
      const { server } = yield* visit(defaultEdgeSettings, undefined, Number(running.port))
      assert(server !== undefined)
      const findings = yield* checkPublicUrl(running, server, defaultEdgeSettings)
      assert.deepStrictEqual(
        findings.map(({ about, standing }) => `${about} ${standing}`),
        ["public URL ok", "media stream ok", "rehearsal skipped"]
      )
    }).pipe(Effect.provide(client))
  )
})
