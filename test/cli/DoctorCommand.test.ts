import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { renderFinding } from "../../src/cli/DoctorFinding.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { signFor, signedEnv } from "../support/httpServer.ts"
import { startNode } from "../support/process.ts"

const program = fileURLToPath(new URL("../support/doctor.ts", import.meta.url))

const doctor = (env: Readonly<Record<string, string>>, args: ReadonlyArray<string> = []) =>
  Effect.flatMap(startNode([program, ...args], env), ({ ended }) => ended)

/** The first two words of each finding. */
const standings = (stdout: string) =>
  stdout
    .split("\n")
    .filter((line) => /^\w/.test(line))
    .map((line) => line.slice(0, 25).trim().replace(/ +/, " "))

/** A provider that has these models, and one voice. */
const provider = (ids: ReadonlyArray<string>) =>
  Effect.flatMap(ttsEmulator({ voices: ["af_heart"] }), ({ routes }) => {
    const models = HttpServerResponse.jsonUnsafe(ids.map((id) => ({ id })))
    return serveEmulator(Layer.merge(HttpRouter.add("GET", "/v1/models", models), routes))
  })

describe("the command", { timeout: 30_000 }, () => {
  it.live("finds nothing in the way of calls where there is nothing, and shows no secret", () =>
    Effect.gen(function* () {
      const url = yield* provider(["stt", "llm", "tts"])
      const { code, stderr, stdout } = yield* doctor({
        TOGETHER_API_KEY: "not-to-be-seen",
        TOGETHER_BASE_URL: new URL("/v1", url).href,
        STT_MODEL: "stt",
        LLM_MODEL: "llm",
        TTS_MODEL: "tts",
        PORT: "0"
      })
      assert.deepStrictEqual(standings(stdout), [
        "ok configuration",
        "warning verification",
        "ok voice model",
        "ok key",
        "ok models",
        "ok models",
        "ok models",
        "ok voice",
        "ok clock",
        "ok port",
        "warning public URL",
        "skipped numbers"
      ])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.notInclude(stdout, "not-to-be-seen")
    })
  )

  it.live("says which voice is not there, and what to set instead", () =>
    Effect.gen(function* () {
      const url = yield* provider(["stt", "llm", "tts"])
      const { code, stderr, stdout } = yield* doctor({
        TOGETHER_API_KEY: "key",
        TOGETHER_BASE_URL: new URL("/v1", url).href,
        STT_MODEL: "stt",
        LLM_MODEL: "llm",
        TTS_MODEL: "tts",
        TTS_VOICE: "af_hart",
        PORT: "0"
      })
      assert.include(
        stdout.replace(/\s+/g, " "),
        `broken voice TTS_VOICE: af_hart is not among the voices of tts at ${url.host} → set TTS_VOICE to one of them, such as af_heart`
      )
      assert.deepStrictEqual([code, stderr], [1, "One thing is in the way of calls.\n"])
    })
  )

  it.live("ends with 1 and the number of things that are in the way", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* doctor({ PORT: "many", VAD_MODEL_PATH: "", PERSONA: "bob" })
      assert.deepStrictEqual(standings(stdout), ["broken configuration", "broken configuration", "ok voice model"])
      assert.include(stdout, `PORT is "many": expected a whole number from 0 to 65535`)
      assert.strictEqual(code, 1)
      assert.strictEqual(stderr, "2 things are in the way of calls.\n")
    })
  )

  it.live("finds out what a request was signed for, from flags and from a file", () =>
    Effect.gen(function* () {
      const fields = { CallSid: "CA1", From: "+15550100" }
      const body = new URLSearchParams(fields).toString()
      const signature = signFor("/twiml", fields)
      const env = { ...signedEnv, PUBLIC_URL: "https://127.0.0.1:9", PORT: "0" }
      const url = "https://agent.example.com/twiml"
      const flags = yield* doctor(env, ["--url", url, "--signature", signature, "--body", body])
      assert.strictEqual(flags.code, 1)
      assert.include(flags.stdout.replace(/\s+/g, " "), "set PUBLIC_URL to https://agent.example.com")

      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "parley-doctor-"))),
        (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
      )
      const file = join(directory, "request.txt")
      const head = ["POST /twiml HTTP/1.1", "Host: agent.example.com", `X-Twilio-Signature: ${signature}`]
      writeFileSync(file, [...head, "Content-Type: application/x-www-form-urlencoded", "", body].join("\r\n"))
      const { stdout } = yield* doctor(env, ["--request", file])
      assert.include(stdout.replace(/\s+/g, " "), "set PUBLIC_URL to https://agent.example.com")
      for (const secret of [signedEnv.TWILIO_AUTH_TOKEN, "5550100"]) assert.notInclude(flags.stdout + stdout, secret)
    })
  )

  it.live("wants a URL and a signature together", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* doctor({}, ["--url", "https://agent.example.com/twiml"])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.strictEqual(stderr, "--url and --signature belong together: give both, or --request\n")
    })
  )
})

describe("a finding", () => {
  it("is written within the columns there are, what to do below what was found", () => {
    const text = renderFinding(
      {
        standing: "broken",
        about: "public URL",
        found: "it leads nowhere at all ".repeat(3).trim(),
        fix: "set another"
      },
      70
    )
    assert.deepStrictEqual(text.split("\n"), [
      "broken   public URL      it leads nowhere at all it leads nowhere at",
      "                         all it leads nowhere at all",
      "                         → set another"
    ])
  })
})
