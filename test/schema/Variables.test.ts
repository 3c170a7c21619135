import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { type Variable, variables } from "../../src/schema/Variables.ts"
import { envExample, markdownTable, readTable } from "../support/variablesDocs.ts"

const entries: ReadonlyArray<readonly [string, Variable<unknown>]> = Object.entries(variables)
const documented = entries.map(([name, variable]) => [name, variable.default] as const)
const file = (name: string) => new URL(`../../${name}`, import.meta.url)

describe("variables", () => {
  it("have defaults that are valid themselves", () => {
    for (const [name, variable] of entries) {
      if (variable.default !== undefined) assert.isTrue(Option.isSome(variable.parse(variable.default)), name)
    }
  })

  it("are all in .env.example with their defaults", () => {
    assert.strictEqual(readFileSync(file(".env.example"), "utf8"), envExample())
  })

  it("are read back from a table as they were written to it", () => {
    assert.deepStrictEqual(readTable(`# Title\n\n${markdownTable()}\n\nMore.`), documented)
    assert.strictEqual(readTable("# No table"), undefined)
  })

  it.skipIf(!existsSync(file("README.md")))("are exactly those of the README's table, with their defaults", () => {
    assert.deepStrictEqual(readTable(readFileSync(file("README.md"), "utf8")), documented)
  })
})
