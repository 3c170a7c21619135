/** What every picture on the page needs: a canvas that is sharp on its screen, the theme's colours, and when to draw. */

const still = matchMedia("(prefers-reduced-motion: reduce)")
const dark = matchMedia("(prefers-color-scheme: dark)")

/** Between two pictures for somebody who wants little motion, in milliseconds. */
const CALM_MS = 250

/**
 * The theme's colours by name, as they are now.
 *
 * @param {ReadonlyArray<string>} names
 * @returns {Record<string, string>}
 */
const readColours = (names) => {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

/**
 * Keeps a canvas drawn: at once when it has to be, and continuously while `running()`.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ReadonlyArray<string>} colourNames
 * @param {{ running: () => boolean, everyMs: number }} motion How often a new picture is worth it.
 * @param {(pen: CanvasRenderingContext2D, size: { width: number, height: number }, colours: Record<string, string>) => void} draw
 */
export const keepDrawn = (canvas, colourNames, { everyMs, running }, draw) => {
  const pen = canvas.getContext("2d")
  if (pen === null) return { refresh: () => {} }
  let colours = readColours(colourNames)
  let size = { width: 0, height: 0 }
  let drawnMs = 0
  let asked = false

  const picture = () => {
    if (size.width === 0) return
    const ratio = devicePixelRatio || 1
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, size.width, size.height)
    draw(pen, size, colours)
  }

  /** @param {number} nowMs */
  const frame = (nowMs) => {
    asked = false
    if (nowMs - drawnMs >= (still.matches ? CALM_MS : everyMs) || !running()) {
      drawnMs = nowMs
      picture()
    }
    if (running()) refresh()
  }

  const refresh = () => {
    if (asked) return
    asked = true
    requestAnimationFrame(frame)
  }

  dark.addEventListener("change", () => {
    colours = readColours(colourNames)
    refresh()
  })
  new ResizeObserver(() => {
    const { width, height } = canvas.getBoundingClientRect()
    const ratio = devicePixelRatio || 1
    size = { width, height }
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    picture()
  }).observe(canvas)

  return { refresh }
}
