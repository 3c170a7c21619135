import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Persona } from "../../src/schema/Persona.ts"
import { findPersona, personaIds, personas } from "../../src/schema/Personas.ts"

describe("the shipped personas", () => {
  it("are found by their ids, and nobody else is", () => {
    assert.deepStrictEqual(personaIds, ["kira", "account_exec", "marcus"])
    for (const persona of personas) assert.strictEqual(findPersona(persona.id), persona)
    for (const id of ["", "Kira", "toString"]) assert.strictEqual(findPersona(id), undefined)
  })

  it.each(personas)("$id is whole, introduces itself, and greets in words that can be said", (persona) => {
    assert.isTrue(Schema.is(Persona)(persona))
    assert.include(persona.prompt, `You are ${persona.name}`)
    assert.include(persona.greeting, persona.name)
    assert.match(persona.greeting, /^[A-Za-z ,.?'’]+$/)
    assert.isAtMost(persona.greeting.split(" ").length, 16)
  })
})
