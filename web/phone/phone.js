/** The browser phone: the page's controls and pictures, and the call they belong to. */
import { Call } from "./call.js"
import { makeChart } from "./chart.js"
import { byId, makeKeypad, makeToggle, slide, write } from "./controls.js"
import { makeDial } from "./dial.js"
import { runSampleCaller, SampleCallerError } from "./sample-caller.js"
import { makeTranscript } from "./transcript.js"
import { makeWaterfall } from "./waterfall.js"

const page = document.body
const callButton = byId("call", HTMLButtonElement)
const hangUpButton = byId("hang-up", HTMLButtonElement)
const sampleButton = byId("sample", HTMLButtonElement)
const muteButton = byId("mute", HTMLButtonElement)
const keypadButton = byId("keypad-toggle", HTMLButtonElement)
const keypad = byId("keypad", HTMLElement)
const sayForm = byId("say", HTMLFormElement)
const sayText = byId("say-text", HTMLInputElement)
const sampleLine = byId("sample-line", HTMLElement)
const alertLine = byId("alert", HTMLElement)
const stateLine = byId("state", HTMLElement)

const token = new URLSearchParams(location.search).get("token")
const credentials = token === null ? {} : { token }

/** An address of this server, with the token if there is one. @param {string} path @param {Record<string, string>} [query] */
const address = (path, query) => {
  const url = new URL(path, location.href)
  url.search = new URLSearchParams({ ...query, ...credentials }).toString()
  return url
}

/** @param {string} path @param {Record<string, string>} [query] */
const socketAddress = (path, query) => {
  const url = address(path, query)
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
  return url
}

/** @type {Call | undefined} */
let call
/** @type {AbortController | undefined} */
let sampleRun
const conditions = { delayMs: 0, loss: 0, echo: 0 }

// ---------------------------------------------------------------------------------------------------------------
// what is shown
// ---------------------------------------------------------------------------------------------------------------

const agentStates = {
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  held: "Held"
}

/** @param {string | undefined} text */
const warn = (text) => {
  alertLine.hidden = text === undefined
  write(alertLine, text ?? "")
}

const stateText = () => {
  switch (call?.phase) {
    case undefined:
      return "Ready"
    case "connecting":
      return "Calling"
    case "live":
      return agentStates[call.model.agent]
    case "ended":
      return call.endText
  }
}

/** Makes the page fit what the call and the agent do. */
const show = () => {
  const phase = call?.phase ?? "idle"
  const live = phase === "live"
  const changed = page.dataset.phase !== phase
  page.dataset.agent = call?.model.agent ?? "listening"
  write(stateLine, stateText())
  if (!changed) return
  page.dataset.phase = phase
  const busy = live || phase === "connecting"
  const [shown, hidden] = busy ? [hangUpButton, callButton] : [callButton, hangUpButton]
  const hadFocus = document.activeElement === hidden
  shown.hidden = false
  if (hadFocus) shown.focus()
  hidden.hidden = true
  for (const control of [muteButton, keypadButton, sayText]) control.disabled = !live
  for (const button of sayForm.querySelectorAll("button")) button.disabled = !live
  if (!live) {
    showKeypad(false)
    mute.set(false)
  }
  if (phase === "ended") sampleRun?.abort()
  chart.refresh()
  dial.refresh()
}

/** @param {boolean} shown */
const showKeypad = (shown) => {
  keypad.hidden = !shown
  keypadButton.setAttribute("aria-expanded", String(shown))
}

/** @param {number} ms */
const clockText = (ms) => {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

/** @type {Call | undefined} */
let shownCall
let shownVersion = -1

/** Shows what changes too often to be written down with every event. */
const tick = () => {
  if (call === undefined) return
  for (const name of /** @type {const} */ (["sent", "received", "marks", "clears"])) {
    write(byId(`count-${name}`, HTMLElement), (call.counts?.[name] ?? 0).toLocaleString("en"))
  }
  write(byId("clock", HTMLElement), clockText(call.lengthMs))
  write(byId("probability", HTMLElement), (call.phase === "live" ? call.model.timeline.probability : 0).toFixed(2))
  if (call !== shownCall) {
    transcript.clear()
    waterfall.clear()
  }
  if (call !== shownCall || call.model.version !== shownVersion) {
    transcript.show(call.model.entries)
    waterfall.show(call.model.latencies)
  }
  shownCall = call
  shownVersion = call.model.version
}

// ---------------------------------------------------------------------------------------------------------------
// the call, and the sample caller
// ---------------------------------------------------------------------------------------------------------------

/** @param {boolean} withMicrophone */
const placeCall = (withMicrophone) => {
  warn(undefined)
  const placed = new Call({
    socketAddress,
    parameters: { watch: "true", ...credentials },
    thresholds: config.thresholds,
    conditions,
    withMicrophone,
    onWarning: warn,
    onChange: () => {
      if (call === placed) show()
    }
  })
  call = placed
  show()
  return placed
}

const playSample = async () => {
  const run = new AbortController()
  sampleRun = run
  sample.set(true)
  const current = call?.phase === "live" ? call : undefined
  const sampled = current ?? placeCall(false)
  try {
    if (!(await sampled.connected)) return
    sampled.letSampleSpeak(true)
    run.signal.addEventListener("abort", () => sampled.letSampleSpeak(false))
    await runSampleCaller({
      signal: run.signal,
      countKey: config.countKey,
      press: (key) => sampled.key(key),
      answers: () => sampled.model.answers,
      agentSpeaks: () => sampled.agentSounds,
      agentBusy: () => sampled.model.agent === "thinking" || sampled.model.agent === "speaking",
      onLine: (text) => {
        sampleLine.hidden = false
        write(sampleLine, text)
      },
      say: (name) => sampled.say(name)
    })
    // Whoever has placed the call for it hangs up after it.
    if (current === undefined) sampled.hangUp("Call over")
  } catch (error) {
    if (run.signal.aborted) return
    const problem = error instanceof Error ? error.message : String(error)
    warn(error instanceof SampleCallerError ? problem : `The sample caller could not go on: ${problem}.`)
  } finally {
    sampleRun = undefined
    sampleLine.hidden = true
    sample.set(false)
    sampled.letSampleSpeak(false)
  }
}

// ---------------------------------------------------------------------------------------------------------------
// controls
// ---------------------------------------------------------------------------------------------------------------

const mute = makeToggle(muteButton, { on: "Muted", off: "Mute" })
const sample = makeToggle(sampleButton, { on: "Stop sample caller", off: "Play sample caller" })

callButton.addEventListener("click", () => void placeCall(true))
hangUpButton.addEventListener("click", () => call?.hangUp())
sampleButton.addEventListener("click", () => {
  if (sampleRun === undefined) void playSample()
  else sampleRun.abort()
})
muteButton.addEventListener("click", () => {
  mute.set(!mute.isOn())
  call?.mute(mute.isOn())
})
keypadButton.addEventListener("click", () => showKeypad(keypadButton.getAttribute("aria-expanded") !== "true"))
makeKeypad(keypad, (key) => call?.key(key))
sayForm.addEventListener("submit", (event) => {
  event.preventDefault()
  const text = sayText.value.trim()
  if (text === "") return
  call?.type(text)
  sayText.value = ""
})
addEventListener("pagehide", () => call?.hangUp())

slide("delay", (value) => {
  conditions.delayMs = value
  return value === 0 ? "none" : `${value} ms`
})
slide("loss", (value) => {
  conditions.loss = value / 100
  call?.adjust()
  return value === 0 ? "none" : `${value} %`
})
slide("echo", (value) => {
  // The lowest position is no echo at all.
  conditions.echo = value <= -41 ? 0 : 10 ** (value / 20)
  call?.adjust()
  return value <= -41 ? "none" : value === 0 ? "0 dB" : `−${Math.abs(value)} dB`
})

// ---------------------------------------------------------------------------------------------------------------
// start
// ---------------------------------------------------------------------------------------------------------------

/**
 * @returns {Promise<{
 *   version: string
 *   notice: string | null
 *   countKey: string | null
 *   agent: string
 *   maxTypedCharacters: number
 *   thresholds: { start: number, end: number, bargeIn: number }
 * }>}
 */
const loadConfig = async () => {
  const response = await fetch(address("phone/config"))
  if (!response.ok) throw new Error(`Expected the phone's settings, the server answered ${response.status}`)
  return response.json()
}

const config = await loadConfig().catch((error) => {
  warn("The phone cannot be used now: the server did not answer. Load the page again.")
  throw error
})
write(byId("version", HTMLElement), `v${config.version}`)
const notice = config.notice ?? ""
byId("notice", HTMLElement).hidden = notice === ""
write(byId("notice", HTMLElement), notice)
sayText.maxLength = config.maxTypedCharacters

const transcript = makeTranscript(byId("transcript", HTMLElement), { agent: config.agent })
const waterfall = makeWaterfall(byId("latencies", HTMLElement), byId("latency-summary", HTMLElement))
const chart = makeChart(byId("chart", HTMLCanvasElement), config.thresholds, () => ({
  timeline: call?.model.timeline,
  live: call?.phase === "live"
}))
const dial = makeDial(byId("dial", HTMLCanvasElement), () => ({
  history: call?.history,
  nowMs: call?.model.timeline.timeAt(performance.now()) ?? 0,
  live: call?.phase === "live"
}))

setInterval(tick, 80)
callButton.disabled = false
sampleButton.disabled = false
page.dataset.ready = "true"
