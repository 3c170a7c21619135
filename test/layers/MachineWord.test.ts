import { assert, describe, it } from "@effect/vitest"
import { machineWord } from "../../src/layers/MachineWord.ts"

describe("a machine word", () => {
  it.each(["voice_not_found", "invalid_request_error", "429", "models/whisper-1:v3", "a".repeat(80)])(
    "is told: %s",
    (word) => assert.strictEqual(machineWord(word), word)
  )

  it("is told of a number, too", () => assert.strictEqual(machineWord(4503), "4503"))

  it.each([undefined, null, "", "Incorrect API key provided: sk-1234", "key\nsk-1", "a".repeat(81), "schlüssel"])(
    "is nothing else: %s",
    (prose) => assert.isUndefined(machineWord(prose))
  )
})
