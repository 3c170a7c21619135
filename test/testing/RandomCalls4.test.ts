import { testRandomCalls } from "./RandomCalls.ts"

testRandomCalls(391, 130)
