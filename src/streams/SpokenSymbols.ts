/** Text without markup in, the same text without signs that voices cannot read out. Owns signs only: words and digits stay as they are. Pure and linear. */

/** How a language says the signs that are spelled out. */
interface SignWords {
  readonly and: string
  readonly percent: string
  readonly about: string
}

const signWords: ReadonlyMap<string, SignWords> = new Map([
  ["en", { and: "and", percent: "percent", about: "about" }],
  ["de", { and: "und", percent: "Prozent", about: "etwa" }],
  ["es", { and: "y", percent: "por ciento", about: "unos" }],
  ["fr", { and: "et", percent: "pour cent", about: "environ" }],
  ["it", { and: "e", percent: "per cento", about: "circa" }],
  ["nl", { and: "en", percent: "procent", about: "ongeveer" }],
  ["pt", { and: "e", percent: "por cento", about: "cerca de" }]
])

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["nbsp", " "],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["#39", "'"],
  ["hellip", "…"],
  ["mdash", "—"],
  ["ndash", "–"]
])

/** Not to be seen, so not to be heard: control and format characters, and selectors. Joiners shape the letters of some scripts. */
const invisible = /(?!\u200c|\u200d|[\u{e0020}-\u{e007f}\t-\r])[\p{Cc}\p{Cf}\ufe0e\ufe0f]/gu

const keycap = /([0-9#*])\u20e3/g

/** A pictograph, box, star or dingbat; not the signs of music, which are part of names (C♯). */
const sign =
  "(?![\\u266d-\\u266f])[\\p{Extended_Pictographic}\\u{1f1e6}-\\u{1f1ff}\\u{1f3fb}-\\u{1f3ff}" +
  "\\u2500-\\u2775\\u2794-\\u27bf\\u2b00-\\u2bff\\ufffc\\ufffd]"

/** Pictographs with their joiners and tags, and the spaces around them. */
const pictographs = new RegExp(` ?${sign}(?:${sign}|[\\u{e0020}-\\u{e007f}\\u200d ])*`, "gu")

const audible = /[\p{L}\p{N}\p{Sc}+=<>#%&@°]/u

/** Whether a voice would say anything for the text. */
export const isAudible = (text: string): boolean => audible.test(text)

/** Most sentences: nothing but letters and signs that stay. */
const isPlain = (text: string): boolean => !/[^ -~]|[&%~|([]| {2}|:\/\//.test(text)

const spellOut = (text: string, words: SignWords): string =>
  text
    .replace(/(?<=\p{Nd}) ?%(?![\p{L}\p{N}])/gu, ` ${words.percent}`)
    .replace(/(?<![^\s("'])[~≈∼] ?(?=[$€£¥]?\p{Nd})/gu, `${words.about} `)
    .replace(/(?<=[\p{L}\p{N}.)"'] )&(?= [\p{L}\p{N}("'])/gu, words.and)

/**
 * Removes or spells out signs that voices read badly.
 *
 * `language` is a BCP 47 tag. Signs are spelled out in languages that are known here; otherwise they stay.
 */
export const spokenSymbols = (text: string, language: string): string => {
  if (isPlain(text)) return text.trim()
  const plain = text
    .replace(invisible, "")
    .replace(/&(#?[a-z0-9]{2,6});/gi, (entity, name: string) => entities.get(name.toLowerCase()) ?? entity)
    .replace(/\s+/g, " ")
    .replace(/‼/g, "!!")
    .replace(/⁉/g, "?!")
    // A keycap that begins a line is its bullet; anywhere else it is the key to press.
    .replace(keycap, (_, key: string, at: number) => (at === 0 ? "" : key))
    .replace(pictographs, (signs, at: number, whole: string) => {
      const next = whole.charAt(at + signs.length)
      return at === 0 || next === "" || /[.,!?;:…)\]。，、！？；：]/.test(next) || /[([]/.test(whole.charAt(at - 1))
        ? ""
        : " "
    })
    .replace(/[“”„‟]/g, '"')
    .replace(/[‘’‚‛]/g, "'")
    .replace(/(?<!\p{Nd}) (?:[•‧∙·→⇒⟶|] )+/gu, ", ")
    .replace(/ ?(?<![\p{L}\p{N}_)\]])(?:\( ?\)|\[ ?\])/gu, "")
    .replace(/(?<![\p{L}\p{N}])https?:\/\//gu, "")
  const words = signWords.get(language.toLowerCase().split("-", 1)[0] ?? "")
  return (words === undefined || !/[&%~≈∼]/.test(plain) ? plain : spellOut(plain, words)).replace(/ +/g, " ").trim()
}
