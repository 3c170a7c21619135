import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js"
import { readTwiml } from "../../src/testing/Twiml.ts"

const document = (url: string, inside = ""): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="${url}">${inside}</Stream></Connect></Response>`

describe("readTwiml", () => {
  it.effect("reads what Twilio's own library writes", () =>
    Effect.gen(function* () {
      const response = new VoiceResponse()
      response.say("One moment <please> & hold")
      const stream = response.connect().stream({ url: "wss://agent.example.com/media", name: "main" })
      stream.parameter({ name: "token", value: `"<a&b>'é` })
      stream.parameter({ name: "empty", value: "" })
      response.say("Sorry")
      response.dial("+15005550006")
      const read = yield* readTwiml(response.toString())
      assert.strictEqual(read.url.href, "wss://agent.example.com/media")
      assert.deepStrictEqual(read.parameters, { token: `"<a&b>'é`, empty: "" })
      assert.deepStrictEqual(read.next, ["Say", "Dial"])
    })
  )

  it.effect("reads documents with white space, comments and character data", () =>
    Effect.gen(function* () {
      const read = yield* readTwiml(`
        <Response>
          <!-- <Connect><Stream url="wss://wrong.example.com"/></Connect> -->
          <Say><![CDATA[<Connect>]]></Say>
          <Connect action='/after'>
            <Stream url='wss://agent.example.com/&#109;edia'>
              <Parameter value="1" name="one"></Parameter>
            </Stream>
          </Connect>
        </Response>`)
      assert.strictEqual(read.url.href, "wss://agent.example.com/media")
      assert.deepStrictEqual(read.parameters, { one: "1" })
      assert.deepStrictEqual(read.next, [])
    })
  )

  it.effect.each<readonly [document: string, reason: string, mentions: string]>([
    ["", "NotXml", ""],
    ["<Response>", "NotXml", ""],
    ["<Response><Connect></Response>", "NotXml", ""],
    ['<!DOCTYPE r [<!ENTITY e "x">]><Response>&e;</Response>', "NotXml", ""],
    ["<html/>", "NoStream", "<html>"],
    ["<Response/>", "NoStream", "<Connect>"],
    ["<Response><Connect/></Response>", "NoStream", "<Connect>"],
    ['<Response><Stream url="wss://a.example.com"/></Response>', "NoStream", "<Connect>"],
    ["<Response><Connect><Stream/></Connect></Response>", "BadUrl", "missing"],
    [document("/media"), "BadUrl", "/media"],
    [document("https://agent.example.com/"), "BadUrl", "https:"],
    [document("ws://agent.example.com/"), "BadUrl", "wss: was expected"],
    [document("wss://agent.example.com/?token=1"), "BadUrl", "query"],
    [document("wss://agent.example.com/?"), "BadUrl", "query"],
    [document("wss://a.example.com", '<Parameter value="1"/>'), "BadParameter", "no name"],
    [document("wss://a.example.com", `<Parameter name="n" value="${"x".repeat(499)}"/>`), "BadParameter", '"n"']
  ])("refuses %j", ([document, reason, mentions]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(readTwiml(document))
      assert.strictEqual(error.reason, reason)
      assert.include(error.message, mentions)
    })
  )

  it.effect("takes insecure URLs only where it is told to", () =>
    Effect.gen(function* () {
      const read = yield* readTwiml(document("ws://127.0.0.1:8080/media"), { allowInsecure: true })
      assert.strictEqual(read.url.port, "8080")
      const error = yield* Effect.flip(readTwiml(document("http://127.0.0.1/"), { allowInsecure: true }))
      assert.strictEqual(error.reason, "BadUrl")
    })
  )
})
