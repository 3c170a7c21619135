/** Points of a sweep in, a picture of cut-offs against latency as SVG out. Pure. */
import { type SweepPoint } from "./Sweep.ts"

const WIDTH = 760
const HEIGHT = 460
const LEFT = 70
const RIGHT = 50
const TOP = 50
const BOTTOM = 60

const colours = ["#b4442f", "#1f6f8b", "#7a9a3a"]

const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${content}</text>`

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

const overlaps = (one: Box, other: Box): boolean =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom

const steps = (until: number, by: number): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(until / by) + 1 }, (_, n) => n * by)

/** Draws one line for each series; what is set by default has a ring. */
export const plot = (points: ReadonlyArray<SweepPoint>): string => {
  const untilMs = Math.ceil(Math.max(...points.map(({ medianMs }) => medianMs)) / 200) * 200
  const untilShare = Math.ceil(Math.max(...points.map(({ cutOff }) => cutOff)) * 10) / 10
  const x = (ms: number): number => LEFT + (ms / untilMs) * (WIDTH - LEFT - RIGHT)
  const y = (share: number): number => HEIGHT - BOTTOM - (share / untilShare) * (HEIGHT - TOP - BOTTOM)
  const series = [...new Set(points.map((point) => point.series))]

  const grid = [
    ...steps(untilMs, 200).map(
      (ms) =>
        `<line x1="${x(ms)}" x2="${x(ms)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>` +
        text(x(ms), HEIGHT - BOTTOM + 18, `${ms}`, 'text-anchor="middle" stroke="none"')
    ),
    ...steps(untilShare + 1e-9, 0.1).map(
      (share) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}"/>` +
        text(LEFT - 8, y(share) + 4, `${Math.round(share * 100)} %`, 'text-anchor="end" stroke="none"')
    )
  ]

  const taken: Array<Box> = []
  /** A label beside a point, left out where another one is already: the values are in the table. */
  const label = ({ cutOff, label, medianMs }: SweepPoint, side: "left" | "right", colour: string): string => {
    const width = 7 * label.length
    const at = { x: x(medianMs) + (side === "left" ? -8 - width : 8), y: y(cutOff) + (side === "left" ? 14 : -8) }
    const box = { left: at.x, right: at.x + width, top: at.y - 11, bottom: at.y }
    if (box.right > WIDTH || taken.some((other) => overlaps(box, other))) return ""
    taken.push(box)
    return text(at.x, at.y, label, `fill="${colour}" font-size="11"`)
  }

  const lines = series.map((name, index) => {
    const colour = colours[index % colours.length] ?? "#000"
    const own = points.filter((point) => point.series === name)
    const path = own.map(({ cutOff, medianMs }) => `${x(medianMs).toFixed(1)},${y(cutOff).toFixed(1)}`).join(" ")
    const dots = own
      .toSorted((a, b) => Number(b.isDefault) - Number(a.isDefault))
      .map((point) => {
        const centre = `cx="${x(point.medianMs).toFixed(1)}" cy="${y(point.cutOff).toFixed(1)}"`
        const ring = point.isDefault ? `<circle ${centre} r="8" fill="none" stroke="${colour}"/>` : ""
        return `<circle ${centre} r="4" fill="${colour}"/>${ring}${label(point, index === 1 ? "left" : "right", colour)}`
      })
    const key = TOP + 20 + 20 * index
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...dots,
      `<line x1="${WIDTH - 230}" x2="${WIDTH - 200}" y1="${key - 4}" y2="${key - 4}" stroke="${colour}" stroke-width="2"/>`,
      text(WIDTH - 192, key, name, `fill="${colour}"`)
    ].join("\n")
  })

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<g stroke="#ddd" fill="#555">${grid.join("\n")}</g>`,
    text(LEFT, 26, "Turns cut off, by the time the caller waits for an answer", 'font-size="16" fill="#222"'),
    text(
      (LEFT + WIDTH - RIGHT) / 2,
      HEIGHT - 16,
      "median voice-to-voice latency, ms",
      'text-anchor="middle" fill="#222"'
    ),
    ...lines,
    "</svg>",
    ""
  ].join("\n")
}
