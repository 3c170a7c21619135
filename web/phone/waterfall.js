/** Latencies on the page: for each answered turn a waterfall of its steps on one axis, the newest open. */

/** @typedef {import("./call-model.js").Latency} Latency */

/** @param {string} name @param {string} className @param {string} [text] */
const element = (name, className, text) => {
  const made = document.createElement(name)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** @param {number} ms */
const milliseconds = (ms) => `${Math.round(ms).toLocaleString("en")} ms`

/** The end of the axis: few and round numbers, so that turns can be compared. @param {number} ms */
const axisEnd = (ms) => (ms <= 500 ? 500 : Math.ceil(ms / 1000) * 1000)

/** @param {ReadonlyArray<number>} values */
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param {Latency} latency @param {number} index */
const makeTurn = ({ stages, turn, voiceToVoiceMs }, index) => {
  const item = element("li", "latency")
  item.dataset.turn = String(turn)
  const details = document.createElement("details")
  details.name = "latency"
  details.open = true
  const summary = element("summary", "latency-head")
  const end = axisEnd(voiceToVoiceMs)
  summary.append(
    element("span", "latency-turn", `Turn ${turn}`),
    element("span", "latency-bar"),
    element("span", "latency-total", milliseconds(voiceToVoiceMs))
  )

  const list = element("dl", "stages")
  for (const [position, stage] of stages.entries()) {
    const took = Math.max(0, stage.toMs - stage.fromMs)
    const row = element("div", `stage stage-${position}`)
    const track = element("span", "track")
    const fill = element("span", "fill")
    fill.style.setProperty("--from", String(Math.min(1, stage.fromMs / end)))
    fill.style.setProperty("--took", String(Math.min(1, took / end)))
    track.append(fill)
    const value = element("dd", "took")
    value.append(track, element("span", "ms", milliseconds(took)))
    row.append(element("dt", "stage-name", stage.name), value)
    list.append(row)
  }
  const axis = element("p", "axis")
  axis.setAttribute("aria-hidden", "true")
  axis.append(
    element("span", "", "0"),
    element("span", "", milliseconds(end / 2)),
    element("span", "", milliseconds(end))
  )
  details.append(summary, list, axis)
  item.append(details)
  item.dataset.index = String(index)
  return item
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} summary
 */
export const makeWaterfall = (list, summary) => {
  let shown = 0
  return {
    clear: () => {
      shown = 0
      list.replaceChildren()
      summary.textContent = ""
    },

    /** @param {ReadonlyArray<Latency>} latencies */
    show: (latencies) => {
      if (latencies.length === shown) return
      for (const [index, latency] of latencies.slice(shown).entries()) {
        for (const other of list.querySelectorAll("details")) other.open = false
        list.prepend(makeTurn(latency, shown + index))
      }
      shown = latencies.length
      const end = axisEnd(Math.max(...latencies.map(({ voiceToVoiceMs }) => voiceToVoiceMs)))
      for (const item of list.querySelectorAll("li")) {
        const latency = latencies[Number(item.dataset.index)]
        item.style.setProperty("--share", String(latency.voiceToVoiceMs / end))
      }
      const typical = median(latencies.map(({ voiceToVoiceMs }) => voiceToVoiceMs))
      summary.textContent = shown === 1 ? "" : `median ${milliseconds(typical)} of ${shown}`
    }
  }
}
