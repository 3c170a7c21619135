import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as Circuit from "../../src/layers/Circuit.ts"

const settings: Circuit.CircuitSettings = { failures: 3, windowMs: 10_000, openMs: 5000 }
const failAt = (...times: ReadonlyArray<number>) =>
  times.reduce((state, nowMs) => Circuit.failed(settings, state, nowMs), Circuit.initial)

describe("a circuit", () => {
  it("opens after so many failures within the window", () => {
    assert.isFalse(Circuit.isOpen(failAt(0, 1000), 1000))
    assert.isTrue(Circuit.isOpen(failAt(0, 1000, 2000), 2000))
    assert.isFalse(Circuit.isOpen(failAt(0, 6000, 11_000), 11_000))
  })

  it("forgets failures when the service works", () => {
    const state = Circuit.failed(settings, Circuit.succeeded(failAt(0, 1000)), 2000)
    assert.isFalse(Circuit.isOpen(state, 2000))
  })

  it("lets one request through when its time is up, and the next one only after that time again", () => {
    const open = failAt(0, 1000, 2000)
    assert.isFalse(Circuit.admit(settings, open, 6999)[1])
    const [tried, admitted] = Circuit.admit(settings, open, 7000)
    assert.isTrue(admitted)
    assert.isFalse(Circuit.admit(settings, tried, 7001)[1])
    assert.isTrue(Circuit.admit(settings, tried, 12_000)[1])
  })

  it("closes when that request succeeds and opens again when it fails", () => {
    const [tried] = Circuit.admit(settings, failAt(0, 1000, 2000), 7000)
    assert.deepStrictEqual(Circuit.succeeded(tried), Circuit.initial)
    const again = Circuit.failed(settings, tried, 8000)
    assert.isTrue(Circuit.isOpen(again, 12_999))
    assert.isFalse(Circuit.isOpen(again, 13_000))
  })

  it("remembers no more failures than it needs", () => {
    assert.strictEqual(failAt(...Array.from({ length: 100 }, (_, n) => n)).failedAt.length, 3)
  })
})

it.effect("the circuit of a process tells in a metric whether it is open", () =>
  Effect.gen(function* () {
    const circuit = yield* Circuit.make("a service", settings)
    const shown = Effect.map(Metric.snapshot, (metrics) =>
      metrics.flatMap((metric) =>
        metric.id === "parley_circuit_open" && metric.type === "Gauge" && metric.attributes?.["service"] === "a service"
          ? [metric.state.value]
          : []
      )
    )
    assert.deepStrictEqual(yield* shown, [0])
    for (let n = 0; n < 3; n++) yield* circuit.failed
    assert.deepStrictEqual(yield* shown, [1])
    assert.isTrue(yield* circuit.isOpen)
    assert.isFalse(yield* circuit.admit)
    yield* TestClock.adjust("5 seconds")
    assert.isTrue(yield* circuit.admit)
    assert.isFalse(yield* circuit.admit)
    yield* circuit.succeeded
    assert.deepStrictEqual(yield* shown, [0])
    assert.isTrue(yield* circuit.admit)
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)
