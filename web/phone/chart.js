/** The voice chart: probability over time with its thresholds, and below it who had the floor. Draws a call, knows nothing of the network. */
import { keepDrawn } from "./canvas.js"

/** @typedef {import("./timeline.js").Timeline} Timeline */

const COLOURS = ["ink", "muted", "faint", "line", "line-strong", "caller", "caller-soft", "agent", "agent-soft"]

const FONT = "500 11px Inter, system-ui, -apple-system, 'Segoe UI', sans-serif"

/** Pixels a second. */
const SPEED = 64

/** The picture runs behind by this much, so that what is late still comes in at the edge. Milliseconds. */
const BEHIND_MS = 120

/** How long the picture takes to make up for most of a jump of the audio clock, in milliseconds. */
const FOLLOW_MS = 130

/** Which of two words is written where there is room for one. */
const weights = { "barge-in": 2, key: 1, turn: 0 }

const LANES = /** @type {const} */ (["speech", "turn", "agent"])
const LANE = 10
const LANE_GAP = 8
const AXIS = 22
const LEFT = 48
const TOP = 20

/** @param {number} ms */
const clock = (ms) => {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{ start: number, end: number, bargeIn: number }} thresholds
 * @param {() => { timeline: Timeline | undefined, live: boolean }} state
 */
export const makeChart = (canvas, thresholds, state) => {
  // What is at the right edge, and when it was drawn last.
  let endMs = 0
  let drawnMs = 0

  return keepDrawn(canvas, COLOURS, { running: () => state().live, everyMs: 0 }, (pen, { width, height }, colours) => {
    const { live, timeline } = state()
    const narrow = width < 520
    const right = narrow ? 12 : 84
    const left = LEFT
    const lanesTop = height - AXIS - LANES.length * (LANE + LANE_GAP)
    const bottom = lanesTop - 12
    const plotWidth = width - left - right
    const nowMs = performance.now()
    const goal = timeline === undefined ? 0 : timeline.timeAt(nowMs) - BEHIND_MS
    // Follows the audio clock smoothly, whatever the moments at which news of it come.
    if (!live || Math.abs(goal - endMs) > 400) endMs = goal
    else endMs += (goal - endMs) * (1 - Math.exp(-(nowMs - drawnMs) / FOLLOW_MS))
    drawnMs = nowMs
    const spanMs = (plotWidth / SPEED) * 1000
    const startMs = endMs - spanMs

    /** @param {number} ms */
    const x = (ms) => left + ((ms - startMs) / spanMs) * plotWidth
    /** @param {number} probability */
    const y = (probability) => bottom - probability * (bottom - TOP)

    pen.font = FONT
    pen.textBaseline = "middle"

    // The floor of the plot and the seconds under it.
    pen.lineWidth = 1
    pen.strokeStyle = colours.line
    pen.beginPath()
    pen.moveTo(left, Math.round(bottom) + 0.5)
    pen.lineTo(width - right, Math.round(bottom) + 0.5)
    pen.stroke()
    pen.fillStyle = colours.faint
    pen.textAlign = "center"
    const firstSecond = Math.max(0, Math.ceil(startMs / 1000))
    for (let second = firstSecond; second * 1000 <= endMs; second++) {
      const at = Math.round(x(second * 1000)) + 0.5
      pen.strokeStyle = colours.line
      pen.beginPath()
      pen.moveTo(at, height - AXIS + 2)
      pen.lineTo(at, height - AXIS + (second % 5 === 0 ? 7 : 5))
      pen.stroke()
      if (second % 5 === 0 && at > left + 12) pen.fillText(clock(second * 1000), at, height - 7)
    }

    pen.save()
    pen.beginPath()
    pen.rect(left, 0, plotWidth, height)
    pen.clip()

    if (timeline !== undefined) {
      // Who has the floor, softly through the whole plot and plainly in the lanes.
      for (const [name, colour] of /** @type {const} */ ([
        ["turn", "caller-soft"],
        ["agent", "agent-soft"]
      ])) {
        pen.fillStyle = colours[colour]
        for (const { from, to } of timeline.bands[name]) {
          const end = x(to ?? endMs)
          if (end > left) pen.fillRect(x(from), TOP, end - x(from), bottom - TOP)
        }
      }
      for (const [index, name] of LANES.entries()) {
        const top = lanesTop + index * (LANE + LANE_GAP)
        pen.fillStyle = name === "agent" ? colours.agent : colours.caller
        pen.globalAlpha = name === "turn" ? 0.38 : 1
        for (const { from, to } of timeline.bands[name]) {
          const end = x(to ?? endMs)
          if (end < left) continue
          pen.beginPath()
          pen.roundRect(x(from), top, Math.max(3, end - x(from)), LANE, 3)
          pen.fill()
        }
        pen.globalAlpha = 1
      }
      // Held: it would speak, and waits whether it was interrupted.
      pen.strokeStyle = colours.agent
      for (const { from, to } of timeline.bands.held) {
        const end = x(to ?? endMs)
        if (end < left || end - x(from) < 2 * LANE) continue
        pen.beginPath()
        pen.roundRect(
          x(from) + 0.5,
          lanesTop + 2 * (LANE + LANE_GAP) + 0.5,
          Math.max(3, end - x(from)) - 1,
          LANE - 1,
          3
        )
        pen.stroke()
      }
    }

    // The thresholds.
    pen.setLineDash([2, 4])
    pen.strokeStyle = colours.faint
    pen.lineWidth = 1
    for (const value of [thresholds.bargeIn, thresholds.start, thresholds.end]) {
      const at = Math.round(y(value)) + 0.5
      pen.beginPath()
      pen.moveTo(left, at)
      pen.lineTo(width - right, at)
      pen.stroke()
    }
    pen.setLineDash([])

    if (timeline !== undefined) {
      const shown = timeline.scores.filter(({ at }) => at >= startMs - 64 && at <= endMs + 32)
      if (shown.length > 1) {
        pen.beginPath()
        for (const { at, probability } of shown) pen.lineTo(x(at), y(probability))
        pen.strokeStyle = colours.caller
        pen.lineWidth = 1.75
        pen.lineJoin = "round"
        pen.stroke()
        pen.lineTo(x(shown[shown.length - 1].at), bottom)
        pen.lineTo(x(shown[0].at), bottom)
        pen.closePath()
        pen.fillStyle = colours.caller
        pen.globalAlpha = 0.14
        pen.fill()
        pen.globalAlpha = 1
      }

      // What was decided, as a hairline; with a word where there is room for it.
      pen.textAlign = "left"
      pen.lineWidth = 1
      /** @type {Array<[from: number, to: number]>} */
      const taken = []
      for (const { at, kind, text } of timeline.moments.toSorted((a, b) => weights[b.kind] - weights[a.kind])) {
        const line = Math.round(x(at)) + 0.5
        if (at > endMs) continue
        const strong = kind === "barge-in"
        pen.strokeStyle = strong ? colours.ink : colours.faint
        pen.beginPath()
        pen.moveTo(line, 2)
        pen.lineTo(line, strong ? height - AXIS - LANE_GAP : bottom)
        pen.stroke()
        const word = kind === "key" ? `key ${text}` : text
        const end = line + 10 + pen.measureText(word).width
        if (line < left || end > width - right || taken.some(([from, to]) => line < to && end > from)) continue
        taken.push([line, end])
        pen.fillStyle = strong ? colours.ink : colours.muted
        pen.fillText(word, line + 4, 8)
      }
    }
    pen.restore()

    if (!narrow) {
      pen.textAlign = "left"
      pen.fillStyle = colours.muted
      for (const [value, label] of /** @type {const} */ ([
        [thresholds.bargeIn, "barge-in"],
        [thresholds.start, "start"],
        [thresholds.end, "end"]
      ])) {
        pen.fillText(label, width - right + 8, y(value))
        pen.textAlign = "right"
        pen.fillText(value.toFixed(2), width - 2, y(value))
        pen.textAlign = "left"
      }
    } else {
      pen.fillStyle = colours.faint
      pen.textAlign = "right"
      for (const [value, label] of /** @type {const} */ ([
        [thresholds.bargeIn, "barge-in"],
        [thresholds.start, "start"],
        [thresholds.end, "end"]
      ])) {
        pen.fillText(label, width - right, y(value) - 7)
      }
    }

    pen.textAlign = "left"
    pen.fillStyle = colours.muted
    for (const [index, name] of LANES.entries()) {
      pen.fillText(name, 0, lanesTop + index * (LANE + LANE_GAP) + LANE / 2 + 0.5)
    }
    pen.textAlign = "right"
    pen.fillStyle = colours.faint
    pen.fillText("1", left - 8, y(1) + 3)
    pen.fillText("0", left - 8, bottom - 3)

    if (timeline === undefined) {
      pen.fillStyle = colours.faint
      pen.textAlign = "center"
      pen.fillText("The curve begins with the call", left + plotWidth / 2, (bottom + y(thresholds.end)) / 2)
    }
  })
}
