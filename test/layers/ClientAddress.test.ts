import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { Headers } from "effect/http"
import { clientAddress } from "../../src/layers/ClientAddress.ts"

const address = (remote: string | undefined, forwarded?: string) =>
  clientAddress({
    remoteAddress: Option.fromNullishOr(remote),
    headers: Headers.fromInput(forwarded === undefined ? {} : { "x-forwarded-for": forwarded })
  })

describe("the address of a client", () => {
  it.each([
    ["203.0.113.7", undefined, "203.0.113.7"],
    ["::ffff:203.0.113.7", undefined, "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", undefined, "2001:db8:1:2::/64"],
    ["2001:db8:1:2:ffff::1", undefined, "2001:db8:1:2::/64"],
    ["2001:db8:1:3::1", undefined, "2001:db8:1:3::/64"],
    [undefined, undefined, "unknown"],
    ["fe80::1%eth0", undefined, "unknown"]
  ] as const)("%s is counted as itself: %s, %s", (remote, forwarded, expected) => {
    assert.strictEqual(address(remote, forwarded), expected)
  })

  it.each([
    ["127.0.0.1", "203.0.113.7", "203.0.113.7"],
    ["::1", "198.51.100.1, 203.0.113.7", "203.0.113.7"],
    ["::ffff:127.0.0.1", "2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["127.0.0.1", "nobody", "127.0.0.1"],
    ["127.0.0.1", "", "127.0.0.1"]
  ] as const)("behind a tunnel on %s, that of whom the tunnel names last: %s", (remote, forwarded, expected) => {
    assert.strictEqual(address(remote, forwarded), expected)
  })

  it("is not what others say about themselves", () => {
    assert.strictEqual(address("203.0.113.7", "198.51.100.1"), "203.0.113.7")
    assert.strictEqual(address("10.0.0.1", "198.51.100.1"), "10.0.0.1")
  })
})
