/** Small parts of the page that stand on their own: its elements, sliders, the keypad, texts that are written only when they change. */

/**
 * The element with this id, which the page has.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export const byId = (id, kind) => {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new TypeError(`Expected the page to have a ${kind.name} #${id}`)
  return element
}

/**
 * Puts a text where it belongs, if it is not there already: screen readers tell every change.
 *
 * @param {HTMLElement} line
 * @param {string} text
 */
export const write = (line, text) => {
  if (line.textContent !== text) line.textContent = text
}

/**
 * Has a slider do something, now and whenever it is moved.
 *
 * @param {string} id
 * @param {(value: number) => string} apply Gives what is shown of the value.
 */
export const slide = (id, apply) => {
  const slider = byId(id, HTMLInputElement)
  const shown = byId(`${id}-value`, HTMLElement)
  const move = () => {
    const { max, min, valueAsNumber } = slider
    const text = apply(valueAsNumber)
    write(shown, text)
    slider.setAttribute("aria-valuetext", text)
    slider.style.setProperty("--at", String((valueAsNumber - Number(min)) / (Number(max) - Number(min))))
  }
  slider.addEventListener("input", move)
  move()
}

/**
 * Fills the keypad.
 *
 * @param {HTMLElement} pad
 * @param {(key: string) => void} onKey
 */
export const makeKeypad = (pad, onKey) => {
  for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"]) {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "key-button"
    button.textContent = key
    button.addEventListener("click", () => onKey(key))
    pad.append(button)
  }
}

/**
 * A button that is on or off.
 *
 * @param {HTMLButtonElement} button
 * @param {{ on: string, off: string }} texts
 */
export const makeToggle = (button, texts) => {
  /** @param {boolean} on */
  const set = (on) => {
    button.setAttribute("aria-pressed", String(on))
    write(button, on ? texts.on : texts.off)
  }
  const isOn = () => button.getAttribute("aria-pressed") === "true"
  set(false)
  return { isOn, set }
}
