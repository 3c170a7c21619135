import { testRandomCalls } from "./RandomCalls.ts"

testRandomCalls(261, 130)
