/** The transcript on the page: entries of a call in, rows out, only what changed is touched. */

/** @typedef {import("./call-model.js").Entry} Entry */

/** @param {number} ms */
const clock = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} [text]
 */
const element = (name, className, text) => {
  const made = document.createElement(name)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** @param {string} text */
const hidden = (text) => element("span", "visually-hidden", text)

/** @param {Entry} entry @returns {Array<HTMLElement | Text>} */
const wordsOf = (entry) => {
  if (entry.who === "note") return [element("span", "", entry.text)]
  if (entry.who === "caller") {
    if (entry.text === "") return [element("span", "waiting", entry.status === "open" ? "speaking …" : "…")]
    return [element("span", entry.status === "open" ? "interim" : "", entry.text)]
  }
  /** @type {Array<HTMLElement | Text>} */
  const words = [element("span", "heard", entry.heard)]
  if (entry.unheard === "") return words
  if (entry.heard !== "") words.push(document.createTextNode(" "))
  if (entry.status === "cut") {
    const unheard = element("s", "unheard", entry.unheard)
    unheard.prepend(hidden("not heard: "))
    return [...words, unheard]
  }
  return [...words, element("span", "coming", entry.unheard)]
}

const labels = { caller: "Caller", agent: "Agent", note: "" }

/**
 * Keeps the newest row in sight, unless somebody has scrolled back.
 *
 * @param {HTMLElement} list In a box that scrolls.
 * @param {{ agent: string }} names
 */
export const makeTranscript = (list, names) => {
  /** @type {Map<string, { row: HTMLElement, shown: string }>} */
  const rows = new Map()

  /** @param {Entry} entry */
  const fill = (entry) => {
    const row = element("li", `entry ${entry.who} ${"status" in entry ? entry.status : ""}`)
    row.dataset.id = entry.id
    const who = element("span", "who", entry.who === "agent" ? names.agent : labels[entry.who])
    const body = element("p", "words")
    body.append(...wordsOf(entry))
    const detail = "detail" in entry && entry.detail !== "" ? [element("span", "detail", entry.detail)] : []
    const time = element("span", "time", entry.who === "note" ? "" : clock(entry.at))
    row.append(who, body, ...detail, time)
    return row
  }

  return {
    clear: () => {
      rows.clear()
      list.replaceChildren()
    },

    /** @param {ReadonlyArray<Entry>} entries */
    show: (entries) => {
      const box = list.parentElement ?? list
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40
      const ids = new Set(entries.map(({ id }) => id))
      for (const [id, { row }] of rows) {
        if (ids.has(id)) continue
        row.remove()
        rows.delete(id)
      }
      for (const entry of entries) {
        const shown = JSON.stringify(entry)
        const known = rows.get(entry.id)
        if (known?.shown === shown) continue
        const row = fill(entry)
        if (known === undefined) list.append(row)
        else known.row.replaceWith(row)
        rows.set(entry.id, { row, shown })
      }
      if (atEnd) box.scrollTop = box.scrollHeight
    }
  }
}
