import { testRandomCalls } from "./RandomCalls.ts"

testRandomCalls(1, 130)
