import { assert, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const example = "docs/examples/find-speech.ts"

it("the README shows the example that is shipped", () => {
  assert.include(readFileSync(file("README.md"), "utf8"), readFileSync(file(example), "utf8").trim())
})

it("the example finds the speech in a recording", () => {
  const output = execFileSync(process.execPath, [file(example), file("test/fixtures/speech/hello.wav")], {
    cwd: file("."),
    encoding: "utf8"
  })
  const [, from, to, windows] = /^Speech from (\d+) ms to (\d+) ms, (\d+) windows\.$/m.exec(output) ?? []
  assert.isBelow(Number(from), 200)
  assert.isAbove(Number(to), 2500)
  assert.isAbove(Number(windows), 60)
})
