/** Names of what there is in, those that were probably meant out. */

const lastPart = (name: string): string => name.slice(name.lastIndexOf("/") + 1).toLowerCase()

const wordsOf = (name: string): ReadonlyArray<string> => lastPart(name).split(/[-_.\s]+/)

const commonPrefix = (one: string, other: string): number => {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

/** At most three names that have most in common with the one that is missing: words, then how they begin. */
export const similar = (wanted: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const words = new Set(wordsOf(wanted))
  return names
    .map((name) => ({
      name,
      shared: wordsOf(name).filter((word) => words.has(word)).length,
      prefix: commonPrefix(lastPart(wanted), lastPart(name))
    }))
    .filter(({ shared }) => shared > 0)
    .sort((one, other) => other.shared - one.shared || other.prefix - one.prefix)
    .slice(0, 3)
    .map(({ name }) => name)
}
