import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { fileURLToPath } from "node:url"
import { type Page } from "playwright-core"
import * as SileroVoiceActivity from "../../src/layers/SileroVoiceActivity.ts"
import { decodeMulaw } from "../../src/streams/Mulaw.ts"
import { scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"
import { scriptedSpeechToText } from "../../src/testing/ScriptedSpeechToText.ts"
import { scriptedTextToSpeech } from "../../src/testing/ScriptedTextToSpeech.ts"
import { chromiumPath, launch, noBrowser, openPage } from "../support/browser.ts"
import { serveAgent } from "../support/phoneServer.ts"

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/speech/${name}`, import.meta.url))

const numbers = Array.from({ length: 40 }, (_, n) => `Number ${n + 1}.`).join(" ")

/** Hears that there is speech, counts at the second question, and is brief otherwise. */
const services = Layer.mergeAll(
  SileroVoiceActivity.layer,
  scriptedSpeechToText({
    words: (samples) => (samples.length > 1600 ? `${Math.round(samples.length / 800) / 10} seconds` : ""),
    interimEveryMs: 300,
    delayMs: 40
  }),
  scriptedLanguageModel({
    replies: ({ turn }) => (turn === 1 ? numbers : "All right."),
    firstTokenMs: 40,
    tokensPerSecond: 200
  }),
  scriptedTextToSpeech({ firstByteMs: 40 })
)

const run = <A>(evaluate: () => Promise<A>): Effect.Effect<A> => Effect.promise(evaluate)

/** Waits, as long as it may take on a busy machine, until this selector has this text. */
const shows = (page: Page, selector: string, text: string | RegExp) =>
  run(() => page.locator(selector, { hasText: text }).first().waitFor())

const phase = (page: Page, name: string) => run(() => page.waitForSelector(`body[data-phase="${name}"]`))

/** Has the page keep in mind what it shows for a moment only, which a busy machine may look at too late. */
const remember = (page: Page) =>
  run(() =>
    page.evaluate(`(() => {
      window.seen = new Set()
      const look = () => {
        seen.add(document.body.dataset.agent)
        seen.add(document.querySelector("#sample-line").textContent)
        for (const { textContent } of document.querySelectorAll(".entry.caller .interim")) seen.add("interim " + textContent)
        for (const { textContent } of document.querySelectorAll(".entry.agent.speaking")) seen.add("speaking " + textContent)
      }
      new MutationObserver(look).observe(document.body, {
        attributes: true, characterData: true, childList: true, subtree: true
      })
    })()`)
  )

/** Waits until the page has shown something that begins with this. */
const saw = (page: Page, beginning: string, ...parts: ReadonlyArray<string>) =>
  run(() =>
    page.waitForFunction(
      ([beginning = "", ...parts]) =>
        Array.from((globalThis as unknown as { readonly seen: Set<string> }).seen).some(
          (text) => text.startsWith(beginning) && parts.every((part) => text.includes(part))
        ),
      [beginning, ...parts]
    )
  )

const ready = (page: Page) => run(() => page.waitForSelector("body[data-ready]"))

/** Waits for something that no element of the page shows. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.delay(until(holds), "20 millis")))

const textsOf = (page: Page, selector: string) => run(() => page.locator(selector).allTextContents())

/**
 * How many columns of the chart have the curve in their upper third; what has just been drawn is copied, as reading the
 * page's own canvas would slow it down.
 */
const columnsAbove = (page: Page) =>
  run(() =>
    page.evaluate<number>(`(() => {
      const chart = document.querySelector("#chart")
      const { width, height } = chart
      const third = Math.round(height / 3)
      const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })
      pen.drawImage(chart, 0, 0)
      const { data } = pen.getImageData(0, 0, width, third)
      const isCurve = (x, y) => {
        const [red, , blue, alpha] = data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)
        return alpha > 200 && blue - red > 80
      }
      let columns = 0
      for (let x = 0; x < width; x++) {
        let y = 0
        while (y < third && !isCurve(x, y)) y++
        if (y < third) columns++
      }
      return columns
    })()`)
  )

/** Waits until the curve is up in more columns of the chart than this. */
const curveMoves = (page: Page, columns: number): Effect.Effect<void> =>
  Effect.flatMap(columnsAbove(page), (above) =>
    above > columns ? Effect.void : Effect.delay(curveMoves(page, columns), "100 millis")
  )

/** What a media frame of the page says. */
interface MediaFrame {
  readonly event: string
  readonly media: { readonly chunk: string; readonly timestamp: string; readonly payload: string }
}

const mediaIn = (sent: ReadonlyArray<string>): ReadonlyArray<MediaFrame["media"]> =>
  sent.flatMap((text) => {
    const frame: MediaFrame = JSON.parse(text)
    return frame.event === "media" ? [frame.media] : []
  })

const loudest = (media: ReadonlyArray<MediaFrame["media"]>): number =>
  media.reduce(
    (level, { payload }) => Math.max(level, ...decodeMulaw(Buffer.from(payload, "base64")).map((s) => Math.abs(s))),
    0
  )

it.skipIf(chromiumPath !== undefined)("says so where there is no browser", () => console.log(noBrowser))

describe.skipIf(chromiumPath === undefined)("the page in a browser", { timeout: 240_000 }, () => {
  it.live("lets the sample caller greet, ask, interrupt and say goodbye", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const browser = yield* launch()
      const { complaints, page, sockets } = yield* openPage(browser, `http://${host}/`)
      yield* ready(page)
      assert.strictEqual(yield* columnsAbove(page), 0)
      yield* remember(page)
      yield* run(() => page.click("#sample"))
      yield* phase(page, "live")

      // Answered.
      yield* saw(page, "Hello! I’m the sample caller.")
      yield* curveMoves(page, 20)
      yield* saw(page, "hearing")
      yield* saw(page, "interim", "seconds")
      yield* shows(page, ".entry.agent.heard", "All right.")

      // Counts, and is interrupted: its audio is cleared, and what was not heard is struck out.
      yield* saw(page, "speaking", "Number 1.")
      yield* saw(page, "Wait. Please stop.")
      yield* run(() => page.waitForSelector("#count-clears:not(:text-is('0'))"))
      yield* shows(page, ".entry.agent.cut .unheard", /Number \d+\./)
      yield* shows(page, ".entry.agent.cut .heard", "Number 1.")
      yield* shows(page, ".entry.agent.cut .detail", "interrupted after")
      yield* run(() => page.waitForSelector('body:not([data-agent="speaking"])'))

      // Says goodbye and hangs up.
      yield* saw(page, "That was all I wanted to hear.")
      yield* phase(page, "ended")
      assert.strictEqual(yield* run(() => page.textContent("#state")), "Call over")
      assert.strictEqual(yield* run(() => page.textContent("#sample")), "Play sample caller")

      // Every turn has its waterfall, the newest is open.
      const turns = (yield* textsOf(page, ".latency-turn")).map((text) => Number(text.replace("Turn ", "")))
      assert.isAtLeast(turns.length, 4)
      assert.deepStrictEqual(
        turns,
        turns.toSorted((a, b) => b - a)
      )
      assert.deepStrictEqual(yield* textsOf(page, "details[open] .stage-name"), [
        "Pause",
        "Speech to text",
        "First token",
        "First sentence",
        "First byte",
        "Audible"
      ])
      assert.match((yield* textsOf(page, "details[open] .latency-total"))[0] ?? "", /^[\d,]+ ms$/)

      // The carrier's protocol: whole frames, one after the other, and every mark back.
      const stream = sockets.find(({ path }) => path === "/media-stream")
      const media = mediaIn(stream?.sent ?? [])
      assert.isAbove(media.length, 500)
      for (const [n, frame] of media.entries()) {
        assert.deepStrictEqual([frame.chunk, frame.timestamp], [String(n + 1), String(n * 20)])
        assert.strictEqual(frame.payload.length, 216)
      }
      const marks = (texts: ReadonlyArray<string>) =>
        texts.flatMap((text) => {
          const frame = JSON.parse(text)
          return frame.event === "mark" ? [frame.mark.name] : []
        })
      assert.deepStrictEqual(marks(stream?.sent ?? []), marks(stream?.received ?? []))
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("takes the microphone until it is muted, keys and typed words", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const browser = yield* launch(fixture("hello.wav"))
      const { complaints, page, sockets } = yield* openPage(browser, `http://${host}/`, {
        permissions: ["microphone"]
      })
      yield* ready(page)
      yield* remember(page)
      yield* run(() => page.click("#call"))
      yield* phase(page, "live")
      assert.isFalse(yield* run(() => page.isVisible("#alert")))
      yield* saw(page, "hearing")

      yield* run(() => page.click("#mute"))
      assert.strictEqual(yield* run(() => page.getAttribute("#mute", "aria-pressed")), "true")
      yield* shows(page, ".entry.caller.ended", "seconds")
      const sent = sockets.find(({ path }) => path === "/media-stream")?.sent ?? []
      const mutedFrom = sent.length
      yield* shows(page, "#probability", "0.00")
      assert.isBelow(loudest(mediaIn(sent.slice(mutedFrom))), 200)

      yield* run(() => page.click("#keypad-toggle"))
      yield* run(() => page.click("#keypad >> text='5'"))
      yield* shows(page, ".entry.caller", "(The caller pressed 5)")
      yield* run(() => page.fill("#say-text", "  what time is it  "))
      yield* run(() => page.press("#say-text", "Enter"))
      yield* shows(page, ".entry.caller.ended", "what time is it")
      assert.strictEqual(yield* run(() => page.inputValue("#say-text")), "")

      yield* run(() => page.click("#hang-up"))
      yield* phase(page, "ended")
      assert.isTrue(yield* run(() => page.isDisabled("#say-text")))
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("goes on without a microphone that it may not use, on a line as bad as it is told to be", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const browser = yield* launch(fixture("hello.wav"))
      const { complaints, page, sockets } = yield* openPage(browser, `http://${host}/`, { permissions: [] })
      yield* ready(page)
      yield* run(() => page.click("#call"))
      yield* phase(page, "live")
      yield* shows(page, "#alert", "The microphone is blocked for this page")
      yield* shows(page, ".entry.agent.heard", "Hello.")
      const sent = sockets.find(({ path }) => path === "/media-stream")?.sent ?? []
      assert.strictEqual(loudest(mediaIn(sent)), 0)

      yield* run(() => page.fill("#echo", "-12"))
      yield* run(() => page.fill("#loss", "20"))
      yield* run(() => page.fill("#delay", "100"))
      assert.deepStrictEqual(yield* textsOf(page, ".slider .value"), ["100 ms", "20 %", "−12 dB"])
      const before = mediaIn(sent).length
      yield* run(() => page.fill("#say-text", "hello"))
      yield* run(() => page.press("#say-text", "Enter"))
      yield* shows(page, ".entry.agent", "All right.")
      yield* until(() => loudest(mediaIn(sent).slice(before)) > 300)
      yield* until(() => mediaIn(sent).length > before + 150)
      const after = mediaIn(sent).slice(before)
      const numbered = after.map(({ chunk }) => Number(chunk))
      const span = (numbered.at(-1) ?? 0) - (numbered[0] ?? 0) + 1
      assert.isBelow(numbered.length, span)
      assert.isAbove(numbered.length, span * 0.6)
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("passes its token on, and says in a sentence what goes wrong", () =>
    Effect.gen(function* () {
      const token = "sesame & more"
      const host = yield* serveAgent(services, { phone: { token: Redacted.make(token), notice: "Only a test." } })
      const browser = yield* launch()
      const url = `http://${host}/?token=${encodeURIComponent(token)}`
      const { complaints, page, sockets } = yield* openPage(browser, url, { colorScheme: "dark" })
      yield* ready(page)
      assert.strictEqual(yield* run(() => page.textContent("#notice")), "Only a test.")
      yield* run(() => page.click("#call"))
      yield* phase(page, "live")
      yield* shows(page, "#alert", "No microphone was found")
      yield* shows(page, ".entry.agent.heard", "Hello.")
      yield* run(() => page.click("#sample"))
      yield* shows(page, "#sample-line", "What can you do?")
      yield* run(() => page.click("#hang-up"))
      yield* phase(page, "ended")
      yield* shows(page, "#sample", "Play sample caller")
      assert.isFalse(yield* run(() => page.isVisible("#sample-line")))
      const start = sockets.flatMap(({ sent }) => sent).find((text) => JSON.parse(text).event === "start")
      assert.deepStrictEqual(JSON.parse(start ?? "{}").start.customParameters, { watch: "true", token })
      assert.deepStrictEqual(complaints, [])

      // Nothing sticks out of a small screen.
      yield* run(() => page.setViewportSize({ width: 360, height: 740 }))
      assert.strictEqual(yield* run(() => page.evaluate<number>("document.documentElement.scrollWidth")), 360)

      // A server that is gone.
      yield* run(() => page.context().setOffline(true))
      yield* run(() => page.route("**/*", (route) => route.abort()))
      yield* run(() => page.click("#call"))
      yield* shows(page, "#state", "Not connected")
      yield* shows(page, "#alert", "The call could not be")
      assert.isTrue(yield* run(() => page.isVisible("#call")))
    })
  )

  it.live.each([
    [1013, "All lines are busy", "as many calls as it takes"],
    [1008, "Not let in", "load the page again"],
    [1001, "The server stopped", undefined],
    [1011, "The call broke off", "its log says what"]
  ] as const)("says what it means that the server closed a stream with %i", ([code, state, warning]) =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const browser = yield* launch()
      const { page } = yield* openPage(browser, `http://${host}/`)
      yield* ready(page)
      yield* run(() =>
        page.routeWebSocket(/media-stream/, (socket) => socket.onMessage(() => void socket.close({ code })))
      )
      yield* run(() => page.click("#sample"))
      yield* shows(page, "#state", state)
      if (warning !== undefined) yield* shows(page, "#alert", warning)
      assert.strictEqual(yield* run(() => page.isVisible("#alert")), warning !== undefined)
      yield* shows(page, "#sample", "Play sample caller")
      assert.isTrue(yield* run(() => page.isVisible("#call")))
    })
  )

  it.live("says so when the server is lost in the middle of a call", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(serveAgent(services), scope)
      const browser = yield* launch()
      const { page } = yield* openPage(browser, `http://${host}/`)
      yield* ready(page)
      yield* run(() => page.click("#sample"))
      yield* shows(page, ".entry.agent", "Hello.")
      yield* Scope.close(scope, Exit.void)
      yield* phase(page, "ended")
      assert.match((yield* textsOf(page, "#state"))[0] ?? "", /^(The server stopped|The connection was lost)$/)
    })
  )
})
