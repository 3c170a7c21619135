/** The configuration variables as documentation: what `.env.example` holds and the README's table shows. Run it to print the table. */
import { type Variable, variables } from "../../src/schema/Variables.ts"

const entries: ReadonlyArray<readonly [string, Variable<unknown>]> = Object.entries(variables)

/** The text of `.env.example`. */
export const envExample = (): string => {
  const blocks = entries.map(([name, variable]) => {
    const details = [variable.required ? "required" : "", variable.unit].filter((detail) => detail !== "")
    const about = variable.effect + (details.length > 0 ? ` (${details.join(", ")})` : "")
    return `# ${about}\n${variable.required ? "" : "# "}${name}=${variable.default ?? ""}`
  })
  return ["# Copy this file to .env and set what you need; variables of the environment win over it.", ...blocks, ""]
    .join("\n\n")
    .replace(/\n+$/, "\n")
}

/** The configuration table of the README. */
export const markdownTable = (): string =>
  [
    "| Variable | Unit | Default | Effect |",
    "| --- | --- | --- | --- |",
    ...entries.map(([name, { default: value, effect, required, unit }]) => {
      const shown = value === undefined ? (required ? "required" : "") : `\`${value}\``
      return `| \`${name}\` | ${unit} | ${shown} | ${effect} |`
    })
  ].join("\n")

/** Name and default of each row of the table whose first column is headed "Variable"; undefined if there is none. */
export const readTable = (
  markdown: string
): ReadonlyArray<readonly [name: string, value: string | undefined]> | undefined => {
  const lines = markdown.split("\n")
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  const start = lines.findIndex((line) => cells(line)[0] === "Variable")
  if (start === -1) return undefined
  const column = cells(lines[start] ?? "").indexOf("Default")
  const rest = lines.slice(start + 2)
  const end = rest.findIndex((line) => !line.startsWith("|"))
  return (end === -1 ? rest : rest.slice(0, end)).map((line) => {
    const row = cells(line)
    return [row[0]?.replaceAll("`", "") ?? "", /^`(.+)`$/.exec(row[column] ?? "")?.[1]] as const
  })
}

if (import.meta.main) console.log(markdownTable())
