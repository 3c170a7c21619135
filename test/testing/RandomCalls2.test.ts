import { testRandomCalls } from "./RandomCalls.ts"

testRandomCalls(131, 130)
