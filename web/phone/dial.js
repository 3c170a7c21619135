/** The dial: the last minute of the call around a circle, the caller outwards, the agent inwards. Draws only. */
import { keepDrawn } from "./canvas.js"

/** Ticks around the dial; a turn takes a minute. */
const TICKS = 120
const TICK_MS = 60_000 / TICKS

/** How much of the past is shown: a little less than a turn, so that its end is told from its beginning. */
const SHOWN_TICKS = TICKS - 8

const BASE = 5
const REACH = 15

/** What was heard during one tick. */
class Tick {
  number = -1
  caller = 0
  agent = 0
}

/** The sound of a call by ticks. */
export class DialHistory {
  #ticks = Array.from({ length: TICKS }, () => new Tick())

  /** @param {number} ms */
  #at(ms) {
    const number = Math.floor(ms / TICK_MS)
    const tick = this.#ticks[((number % TICKS) + TICKS) % TICKS]
    if (tick.number !== number) {
      tick.number = number
      tick.caller = 0
      tick.agent = 0
    }
    return tick
  }

  /** @param {number} ms @param {number} amount 0 to 1. */
  caller(ms, amount) {
    const tick = this.#at(ms)
    tick.caller = Math.max(tick.caller, amount)
  }

  /** @param {number} ms @param {number} amount 0 to 1. */
  agent(ms, amount) {
    const tick = this.#at(ms)
    tick.agent = Math.max(tick.agent, amount)
  }

  /** @param {number} position @param {number} now Number of the tick that goes on. */
  get(position, now) {
    const tick = this.#ticks[position]
    const age = now - tick.number
    return tick.number < 0 || age < 0 || age > SHOWN_TICKS ? undefined : { tick, age }
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => { history: DialHistory | undefined, nowMs: number, live: boolean }} state
 */
export const makeDial = (canvas, state) =>
  keepDrawn(
    canvas,
    ["line", "faint", "caller", "agent", "ink"],
    { running: () => state().live, everyMs: 80 },
    (pen, { width, height }, colours) => {
      const { history, live, nowMs } = state()
      const centre = width / 2
      const middle = height / 2
      const radius = Math.min(width, height) / 2 - REACH - 3
      const now = Math.floor(nowMs / TICK_MS)
      pen.lineCap = "round"
      pen.lineWidth = 2

      /** @param {number} angle @param {number} from @param {number} to @param {string} colour @param {number} alpha */
      const stroke = (angle, from, to, colour, alpha) => {
        pen.globalAlpha = alpha
        pen.strokeStyle = colour
        pen.beginPath()
        pen.moveTo(centre + Math.sin(angle) * from, middle - Math.cos(angle) * from)
        pen.lineTo(centre + Math.sin(angle) * to, middle - Math.cos(angle) * to)
        pen.stroke()
      }

      for (let position = 0; position < TICKS; position++) {
        const angle = (position / TICKS) * 2 * Math.PI
        const known = history?.get(position, now)
        const heard = known !== undefined && (known.tick.caller > 0 || known.tick.agent > 0)
        if (known === undefined || !heard) {
          const quarter = position % (TICKS / 4) === 0
          stroke(angle, radius - (quarter ? BASE : 3) / 2, radius + (quarter ? BASE : 3) / 2, colours.line, 1)
          continue
        }
        const alpha = 1 - 0.75 * (known.age / SHOWN_TICKS)
        if (known.tick.agent > 0) stroke(angle, radius, radius - 3 - REACH * known.tick.agent, colours.agent, alpha)
        if (known.tick.caller > 0)
          stroke(angle, radius, radius + 3 + (REACH - 3) * known.tick.caller, colours.caller, alpha)
      }

      if (live) {
        const angle = (nowMs / 60_000) * 2 * Math.PI
        pen.globalAlpha = 1
        pen.fillStyle = colours.ink
        pen.beginPath()
        pen.arc(
          centre + Math.sin(angle) * (radius - REACH - 9),
          middle - Math.cos(angle) * (radius - REACH - 9),
          2.5,
          0,
          7
        )
        pen.fill()
      }
      pen.globalAlpha = 1
    }
  )
