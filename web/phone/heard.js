/** What was made of a reply and what was heard of it in, the words that were heard and those that were not out. Pure. */

/**
 * Splits a reply where it was cut off.
 *
 * @param {string} generated
 * @param {string} heard
 * @returns {{ heard: string, unheard: string }}
 */
export const splitHeard = (generated, heard) => {
  if (generated.startsWith(heard)) return { heard, unheard: generated.slice(heard.length).trim() }
  // A sentence without any sound is missing in what was heard: everything after the last common word was not heard.
  const words = generated.split(" ")
  const said = heard.split(" ")
  let next = 0
  let end = 0
  for (const [index, word] of words.entries()) {
    if (next < said.length && word === said[next]) {
      next++
      end = index + 1
    }
  }
  return { heard, unheard: words.slice(end).join(" ") }
}
