import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Logger } from "effect"
import { createHash } from "node:crypto"
import { ask, callSid, postForm, sendRaw, serve, signedEnv, signFor, tokenIn } from "../support/httpServer.ts"

const noCall = () => Effect.die(new Error("no call was expected"))

const call = { CallSid: callSid(1), From: "+15550100", To: "+15550199" }

const collect = () => {
  const lines: Array<string> = []
  return { lines, loggers: [Logger.map(Logger.formatJson, (line) => void lines.push(line))] as const }
}

const warnings = (lines: ReadonlyArray<string>) =>
  lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "WARN")

const HOUR_MS = 3_600_000

/** The clock as it is, but for what it says: that is set by hand. */
const clockByHand = Effect.map(Clock.Clock, (live) => {
  let now = { monotonicMs: 0, wallMs: 0 }
  const clock: Clock.Clock = Object.assign(Object.create(live), {
    currentTimeMillisUnsafe: () => now.wallMs,
    currentTimeMillis: Effect.sync(() => now.wallMs),
    monotonicTimeNanosUnsafe: () => BigInt(now.monotonicMs) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(now.monotonicMs) * 1_000_000n)
  })
  return { clock, set: (times: typeof now) => void (now = times) }
})

describe("a webhook that is verified", () => {
  it.live("is answered with a document that has the token of the call", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const { body, status } = yield* postForm(host, "/twiml", call)
      assert.strictEqual(status, 200)
      const token = tokenIn(body)
      assert.match(token ?? "", /^[\w-]{32}$/)
      assert.strictEqual(
        body,
        `<?xml version="1.0" encoding="UTF-8"?><Response><Connect action="https://agent.example.com/twiml/after">` +
          `<Stream url="wss://agent.example.com/media-stream"><Parameter name="token" value="${token}"/></Stream></Connect>` +
          `<Say>Sorry, something went wrong on our side, and we cannot go on with this call. Please call again later. Goodbye.</Say>` +
          `<Hangup/></Response>`
      )
    })
  )

  it.live("may be a GET, with the fields in the query", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const path = `/twiml?${new URLSearchParams(call).toString()}`
      const signed = yield* ask(`http://${host}${path}`, { headers: { "x-twilio-signature": signFor(path) } })
      assert.strictEqual(signed.status, 200)
      assert.isDefined(tokenIn(signed.body))
      const other = path.replace("0000001&", "0000002&")
      assert.notStrictEqual(other, path)
      const changed = yield* ask(`http://${host}${other}`, { headers: { "x-twilio-signature": signFor(path) } })
      assert.strictEqual(changed.status, 403)
    })
  )

  it.live("may have a JSON body that the query vouches for", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const json = JSON.stringify(call)
      const path = `/twiml?bodySHA256=${createHash("sha256").update(json).digest("hex")}`
      const post = (body: string, path: string) =>
        ask(`http://${host}${path}`, {
          method: "POST",
          body,
          headers: { "content-type": "application/json", "x-twilio-signature": signFor(path) }
        })
      const answer = yield* post(json, path)
      assert.strictEqual(answer.status, 200)
      assert.isDefined(tokenIn(answer.body))
      assert.strictEqual((yield* post(json.replace("0100", "0101"), path)).status, 403)
      assert.strictEqual((yield* post(json, "/twiml")).status, 403)
    })
  )

  it.live("is refused without its signature, and with one of another account, path, or origin", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const elsewhere = signFor("/twiml", call, "another token")
      for (const signature of ["", "abc", elsewhere, signFor("/other", call), signFor("/twiml")]) {
        const { body, status } = yield* postForm(host, "/twiml", call, signature)
        assert.strictEqual(status, 403)
        assert.notInclude(body, "<Response>")
      }
      assert.strictEqual((yield* postForm(host, "/twiml/after", call, "")).status, 403)
    })
  )

  it.live("may be signed with either token during a rotation", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: { ...signedEnv, TWILIO_AUTH_TOKEN_SECONDARY: "secondary-67890" } })
      const signedBy = (authToken: string) => postForm(host, "/twiml", call, signFor("/twiml", call, authToken))
      assert.strictEqual((yield* signedBy("primary-12345")).status, 200)
      assert.strictEqual((yield* signedBy("secondary-67890")).status, 200)
      assert.strictEqual((yield* signedBy("neither")).status, 403)
    })
  )

  it.live.each([
    ["a tunnel that keeps its own name", ["Host: abc.tunnel.example", "X-Forwarded-Proto: https"]],
    ["a proxy with a port", ["Host: 10.0.0.7:8080", "X-Forwarded-Host: agent.example.com"]],
    ["a proxy that says http", ["Host: agent.example.com", "X-Forwarded-Proto: http"]]
  ] as const)("is verified for PUBLIC_URL behind %s", ([, headers]) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const body = new URLSearchParams(call).toString()
      const answer = yield* sendRaw(
        host,
        [
          "POST /twiml HTTP/1.1",
          ...headers,
          `X-Twilio-Signature: ${signFor("/twiml", call)}`,
          "Content-Type: application/x-www-form-urlencoded",
          `Content-Length: ${body.length}`,
          "Connection: close",
          "",
          body
        ].join("\r\n")
      )
      assert.match(answer, /^HTTP\/1\.1 200 /)
      assert.include(answer, "wss://agent.example.com/media-stream")
    })
  )

  it.live("is verified with a slash at its end as without, each as it was signed", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      assert.strictEqual((yield* postForm(host, "/twiml/", call)).status, 200)
      assert.strictEqual((yield* postForm(host, "/twiml/", call, signFor("/twiml", call))).status, 403)
    })
  )

  it.live("has to name its call", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      for (const fields of [{}, { CallSid: "CA1" }, { CallSid: `${callSid(1)}"/>` }]) {
        assert.strictEqual((yield* postForm(host, "/twiml", fields)).status, 400)
      }
    })
  )

  it.live("has no large body", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const { status } = yield* postForm(host, "/twiml", { ...call, Extra: "x".repeat(70_000) })
      assert.strictEqual(status, 413)
      assert.strictEqual((yield* postForm(host, "/twiml", { ...call, Extra: "x".repeat(60_000) })).status, 200)
    })
  )
})

describe("a webhook of anybody's", () => {
  it.live("has no more fields than can be looked at in no time", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv })
      const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, "v"]))
      // Looked at in full, the last one would hold up every call for seconds.
      for (const count of [501, 7000]) {
        const { body, status } = yield* postForm(host, "/twiml", many(count), "A".repeat(28))
        assert.strictEqual(status, 413)
        assert.include(body, "500 fields")
      }
      assert.strictEqual((yield* postForm(host, "/twiml", { ...call, ...many(400) })).status, 200)
      assert.strictEqual((yield* postForm(host, "/twiml", many(400), "A".repeat(28))).status, 403)
    })
  )

  it.live("has it tried what it was signed for once a second, and only if it is as small as the carrier's", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const { clock, set } = yield* clockByHand
      const host = yield* Effect.provideService(serve(noCall, { env: signedEnv, loggers }), Clock.Clock, clock)
      const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, "v"]))
      const requests = [
        { fields: { Extra: "x".repeat(5000) }, monotonicMs: 1000, wallMs: HOUR_MS },
        // Short as they are, so many fields would hold up every call for a tenth of a second.
        { fields: many, monotonicMs: 1000, wallMs: HOUR_MS },
        { fields: {}, monotonicMs: 1000, wallMs: HOUR_MS },
        { fields: {}, monotonicMs: 1999, wallMs: 2 * HOUR_MS },
        // What the machine's clock is set to makes no difference.
        { fields: {}, monotonicMs: 2000, wallMs: 0 }
      ]
      for (const { fields, ...times } of requests) {
        set(times)
        yield* postForm(host, "/twiml", { ...call, ...fields }, "A".repeat(28))
      }
      const advised = warnings(lines).map(({ annotations }) => annotations.advice !== undefined)
      assert.deepStrictEqual(advised, [false, false, true, false, true])
    })
  })
})

describe("what the log says about a webhook that was refused", () => {
  it.live("is why, and not who called or what it was signed with", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(noCall, { env: signedEnv, loggers })
      const path = `/twiml?${new URLSearchParams(call).toString()}`
      yield* postForm(host, "/twiml", call, "")
      yield* postForm(host, "/twiml", call, "not-the-signature")
      yield* ask(`http://${host}${path}`)
      assert.deepStrictEqual(
        warnings(lines).map(({ message }) => message),
        ["webhook refused: no signature", "webhook refused: wrong signature", "webhook refused: no signature"]
      )
      for (const secret of [...Object.values(call).slice(1), signedEnv.TWILIO_AUTH_TOKEN, "not-the-signature"]) {
        assert.notInclude(lines.join("\n"), secret)
        assert.notInclude(lines.join("\n"), encodeURIComponent(secret))
      }
    })
  })

  it.live("names the origin that it was signed for, if that is another one", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(noCall, { env: { ...signedEnv, PUBLIC_URL: "https://old.example.com" }, loggers })
      const signature = signFor("/twiml", call)
      yield* sendRaw(
        host,
        [
          "POST /twiml HTTP/1.1",
          "Host: agent.example.com",
          `X-Twilio-Signature: ${signature}`,
          "Content-Type: application/x-www-form-urlencoded",
          `Content-Length: ${new URLSearchParams(call).toString().length}`,
          "Connection: close",
          "",
          new URLSearchParams(call).toString()
        ].join("\r\n")
      )
      const [warning] = warnings(lines)
      assert.strictEqual(
        warning?.annotations.advice,
        "signed for https://agent.example.com, while PUBLIC_URL is https://old.example.com"
      )
    })
  })
})
