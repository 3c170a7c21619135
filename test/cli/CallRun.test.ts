import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result } from "effect"
import { TestConsole } from "effect/testing"
import { type CallRequest, runCallRequest } from "../../src/cli/CallRun.ts"
import { type CallSummary } from "../../src/cli/CallSummary.ts"
import { scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"
import { scriptedSpeechToText } from "../../src/testing/ScriptedSpeechToText.ts"
import { scriptedTextToSpeech } from "../../src/testing/ScriptedTextToSpeech.ts"
import { scriptedVoiceActivity } from "../../src/testing/ScriptedVoiceActivity.ts"
import { serveAgent } from "../support/phoneServer.ts"
import { mutteringAgent, nobody, speech, webhook } from "./Targets.ts"

/** Asks for a call; gives what it wrote, and the sentence it failed with. */
const request = (more: Partial<CallRequest> & { readonly url: string }) =>
  Effect.gen(function* () {
    const progress: Array<string> = []
    const asked: CallRequest = {
      turns: [{ source: { _tag: "Wav", path: speech("yes") }, bargeInMs: undefined }],
      record: undefined,
      from: undefined,
      to: undefined,
      token: undefined,
      timeoutMs: 15_000,
      json: false,
      embedded: false,
      ...more
    }
    const result = yield* Effect.result(
      runCallRequest(asked, { columns: undefined, write: (text) => void progress.push(text) })
    )
    const out = (yield* TestConsole.logLines).join("\n")
    return { progress, out, problem: Result.isFailure(result) ? result.failure.message : undefined }
  }).pipe(Effect.provide([TestConsole.layer, NodeFileSystem.layer]))

const summaryIn = (out: string): CallSummary => JSON.parse(out)

describe("a call that is asked for", { timeout: 30_000, concurrent: true }, () => {
  it.live("has the transcript of a server that shows it to who has the token", () =>
    Effect.gen(function* () {
      const agent = Layer.mergeAll(
        scriptedVoiceActivity(),
        scriptedSpeechToText({ words: () => "what time is it", delayMs: 20 }),
        scriptedLanguageModel({ replies: ["Three."], firstTokenMs: 20 }),
        scriptedTextToSpeech({ firstByteMs: 20 })
      )
      const host = yield* serveAgent(agent, { phone: { token: Redacted.make("let me in") } })
      const asked = { url: `ws://${host}`, json: true }
      const calls = [request({ ...asked, token: "let me in" }), request(asked), request({ ...asked, token: "me too" })]
      const [known, unknown, wrong] = (yield* Effect.all(calls, { concurrency: 3 })).map(({ out }) => summaryIn(out))
      assert.deepStrictEqual(known?.transcript?.slice(1), [
        { by: "caller", text: "what time is it", unheard: "" },
        { by: "agent", text: "Three.", unheard: "" }
      ])
      // Who has not got it is not let in where a token is asked for, but may call like anybody else.
      assert.deepStrictEqual([unknown?.transcript, wrong?.transcript], [null, null])
      assert.deepStrictEqual([unknown?.answered, wrong?.answered], [true, true])
    })
  )

  it.live("fails with a sentence if a turn is not answered", () =>
    Effect.gen(function* () {
      const { url } = yield* mutteringAgent
      const { out, problem } = yield* request({ url, timeoutMs: 300 })
      assert.match(out, /^ {2}1 {2}yes\.wav +no answer$/m)
      assert.strictEqual(problem, `Turn 1 ("yes.wav") was not answered within 0.3 s.`)
    })
  )

  it.live("says in a sentence why there is none", () =>
    Effect.gen(function* () {
      const http = yield* nobody
      const ws = http.replace("http", "ws")
      const tls = "nobody speaks TLS there; is it http or ws?"
      const text = yield* webhook("hello", "text/plain")
      const words = yield* webhook("hello", "text/xml")
      const hangUp = yield* webhook("<Response><Hangup/></Response>", "text/xml")
      const elsewhere = yield* webhook(`<Response><Connect><Stream url="${ws}/"/></Connect></Response>`, "text/xml")
      const refused = yield* webhook("no", "text/plain", 403)
      const hint = "nothing listens there; start a server there, or let the call bring its own with --embedded"
      const sentences: ReadonlyArray<readonly [url: string, sentence: string]> = [
        [http, `${http}/twiml cannot be called: ${hint}`],
        [ws, `${ws}/media-stream cannot be called: ${hint}`],
        ["http://127.0.0.1:9", "http://127.0.0.1:9/twiml cannot be called: no HTTP is spoken on this port"],
        [text.replace("http", "https"), `${text.replace("http", "https")}/twiml cannot be called: ${tls}`],
        [
          `${text.replace("http", "ws")}/nothing`,
          `${text.replace("http", "ws")}/nothing cannot be called: it answered with status 404; a media stream was expected`
        ],
        [text, `${text}/twiml: content type is text/plain; text/xml was expected`],
        [hangUp, `${hangUp}/twiml gives no call to hold: the call document has no <Connect> with a <Stream>`],
        [refused, `${refused}/twiml answered with status 403; 200 was expected`]
      ]
      for (const [url, sentence] of sentences) {
        const { out, problem, progress } = yield* request({ url })
        assert.deepStrictEqual([problem, out, progress.length], [sentence, "", 1])
      }
      // Without any network, names are not known to be wrong.
      const noHost = yield* request({ url: "http://nobody.invalid" })
      assert.match(
        noHost.problem ?? "",
        /^http:\/\/nobody\.invalid\/twiml cannot be called: (?:there is no such host|the name of the host cannot be looked up)$/
      )
      const noXml = yield* request({ url: words })
      assert.match(noXml.problem ?? "", /\/twiml gives no call to hold: the call document: .+/)
      const noStream = yield* request({ url: elsewhere })
      assert.isTrue(
        noStream.problem?.startsWith(`${elsewhere}/twiml names a media stream that cannot be opened: ${ws}/: `),
        noStream.problem
      )
    })
  )
})
