import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { invariants } from "../../src/testing/Invariants.ts"

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8")

const page = read("docs/testing.md")

/** The names in the first column of the tables, where it holds code. */
const named = new Set(
  page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => (line.split("|")[1] ?? "").match(/`[^`]+`/g) ?? [])
    .map((code) => code.replaceAll("`", ""))
)

/** The fields of an interface, as they are written in a source file. */
const fieldsOf = (file: string, name: string): ReadonlyArray<string> => {
  const body = new RegExp(`export interface ${name} \\{\n([\\s\\S]*?)\n\\}`).exec(read(file))?.[1] ?? ""
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field ?? "")
}

describe("the page about testing", () => {
  it("shows the examples that are run", () => {
    for (const example of ["interruption", "latency"]) {
      assert.include(page, read(`docs/examples/testing/${example}.test.ts`).trim())
    }
  })

  it("lists every knob and every invariant", () => {
    const knobs = [
      ["ScriptedLanguageModel", "LanguageModelScript"],
      ["ScriptedLanguageModel", "LanguageModelReply"],
      ["ScriptedSpeechToText", "SpeechToTextScript"],
      ["ScriptedTextToSpeech", "TextToSpeechScript"],
      ["ScriptedVoiceActivity", "VoiceActivityScript"]
    ] as const
    for (const [file, name] of knobs) {
      const fields = fieldsOf(`src/testing/${file}.ts`, name)
      assert.isAbove(fields.length, 2, name)
      for (const field of fields) assert.isTrue(named.has(field), `${name}.${field}`)
    }
    for (const name of Object.keys(invariants)) assert.isTrue(named.has(name), name)
    for (const field of fieldsOf("src/testing/Impairments.ts", "Impairments")) assert.include(page, `\`${field}\``)
  })
})
