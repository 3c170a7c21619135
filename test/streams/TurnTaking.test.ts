import { assert, describe, it } from "@effect/vitest"
import { WINDOW_MS } from "../../src/schema/Audio.ts"
import { type TurnInput, type TurnOutput } from "../../src/schema/Turn.ts"
import { defaultTurnSettings, tutorialTurnSettings, type TurnSettings } from "../../src/schema/TurnSettings.ts"
import { initial, step, type TurnTakingState } from "../../src/streams/TurnTaking.ts"

/** The plain rules, asking for words a little ahead of the turn's end. */
const plain: TurnSettings = { ...tutorialTurnSettings, commitPauseMs: 200 }

/** Plays inputs into the reducer; audio is written as runs of windows of one probability. */
const play = (settings: TurnSettings = plain) => {
  let state: TurnTakingState = initial
  let atMs = 0
  let lastEnded = 0
  const log: Array<TurnOutput> = []
  const give = (...inputs: ReadonlyArray<TurnInput>) => {
    for (const input of inputs) {
      const [next, outputs] = step(settings)(state, input)
      state = next
      log.push(...outputs)
      for (const output of outputs) {
        if (output._tag === "SegmentEnded") lastEnded = output.segment
        // A judge that has nothing to say.
        if (output._tag === "PauseLimitWanted") give({ _tag: "PauseLimit", turn: output.turn, ms: undefined })
      }
    }
  }
  const audio = (ms: number, probability: number) => {
    for (let end = atMs + ms; atMs < end; atMs += WINDOW_MS) give({ _tag: "Voice", atMs, probability })
  }
  return {
    give,
    speak: (ms: number, probability = 0.95) => audio(ms, probability),
    quiet: (ms: number) => audio(ms, 0.02),
    /** The words of the segment that ended last. */
    words: (text: string) => give({ _tag: "Final", segment: lastEnded, text }),
    state: () => state,
    /** What was decided since the last look. */
    decided: () => log.splice(0).filter((output) => output._tag !== "PauseLimitWanted"),
    everything: () => log.splice(0),
    tags: () => log.splice(0).flatMap((output) => (output._tag === "PauseLimitWanted" ? [] : [output._tag]))
  }
}

const greeted = (settings: TurnSettings = plain) => {
  const call = play(settings)
  call.give({ _tag: "CallStarted" }, { _tag: "Audible", epoch: 1 }, { _tag: "Finished", epoch: 1 })
  call.decided()
  return call
}

/** The agent is being heard answering; it is its second reply. */
const speaking = (settings: TurnSettings = plain) => {
  const call = greeted(settings)
  call.speak(800)
  call.quiet(320)
  call.words("hello")
  call.quiet(320)
  call.give({ _tag: "Audible", epoch: 2 })
  call.decided()
  return call
}

describe("the call's beginning", () => {
  it("greets at once and lets the greeting go", () => {
    const call = play()
    call.give({ _tag: "CallStarted" })
    assert.deepStrictEqual(call.decided(), [
      { _tag: "ReplyStarted", epoch: 1, cue: { _tag: "Greeting" } },
      { _tag: "ReplyReleased", epoch: 1 }
    ])
  })

  it("stops the greeting for a caller who speaks", () => {
    const call = play()
    call.give({ _tag: "CallStarted" }, { _tag: "Audible", epoch: 1 })
    call.decided()
    call.speak(96)
    assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 1, reason: "barge-in" })
  })
})

describe("a turn", () => {
  it("begins above the start threshold only", () => {
    const call = greeted()
    call.speak(640, 0.6)
    assert.deepStrictEqual(call.tags(), [])
    call.speak(32, 0.61)
    assert.deepStrictEqual(call.tags(), ["TurnStarted", "SegmentOpened"])
  })

  it("goes on between the thresholds", () => {
    const call = greeted()
    call.speak(320)
    call.speak(2000, 0.4)
    assert.deepStrictEqual(call.tags(), ["TurnStarted", "SegmentOpened"])
  })

  it("asks for its words after a short pause and ends after the long one", () => {
    const call = greeted()
    call.speak(800)
    call.quiet(160)
    assert.notInclude(call.tags(), "SegmentEnded")
    call.quiet(64)
    assert.include(call.tags(), "SegmentEnded")
    call.words("book a table")
    assert.deepStrictEqual(call.tags(), [])
    call.quiet(256)
    assert.deepStrictEqual(call.tags(), [])
    call.quiet(32)
    assert.deepStrictEqual(call.decided(), [
      { _tag: "TurnEnded", turn: 1, text: "book a table", pausedAtMs: 800, pauseMs: 512 },
      { _tag: "ReplyStarted", epoch: 2, cue: { _tag: "Answer", text: "book a table" } },
      { _tag: "ReplyReleased", epoch: 2 }
    ])
  })

  it("waits for words that are late, and no longer", () => {
    const call = greeted()
    call.speak(800)
    call.quiet(900)
    assert.notInclude(call.tags(), "ReplyStarted")
    call.words("here I am")
    assert.include(call.tags(), "ReplyStarted")
  })

  it("takes the interim words when the final ones do not come", () => {
    const call = greeted()
    call.speak(800)
    call.give({ _tag: "Interim", segment: 1, text: "book a" }, { _tag: "Interim", segment: 1, text: "book a table" })
    call.quiet(600)
    call.give({ _tag: "Unrecognised", segment: 1 })
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 2,
      cue: { _tag: "Answer", text: "book a table" }
    })
  })

  it("joins the words of all its segments", () => {
    const call = greeted()
    call.speak(640)
    call.quiet(256)
    call.words("my number is")
    call.speak(640)
    call.quiet(256)
    call.words("five five five")
    call.quiet(320)
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 2,
      cue: { _tag: "Answer", text: "my number is five five five" }
    })
  })

  it("keeps the order of its segments when their words come out of order", () => {
    const call = greeted()
    call.speak(640)
    call.quiet(256)
    call.speak(640)
    call.quiet(512)
    call.give({ _tag: "Final", segment: 2, text: "second" }, { _tag: "Final", segment: 1, text: "first" })
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 2,
      cue: { _tag: "Answer", text: "first second" }
    })
  })

  const cases = [
    { what: "a short yes", speechMs: 224, words: "yes", cue: "Answer" },
    { what: "a door slam", speechMs: 64, words: "", cue: undefined },
    { what: "a long cough", speechMs: 640, words: "", cue: undefined },
    { what: "speech that recognition failed on", speechMs: 640, words: undefined, cue: "AskAgain" },
    { what: "a slam that recognition failed on", speechMs: 64, words: undefined, cue: undefined }
  ] as const
  for (const { what, speechMs, words, cue } of cases) {
    it(`${cue === undefined ? "drops" : `answers with ${cue}`} ${what}`, () => {
      const call = greeted()
      call.speak(speechMs)
      call.quiet(600)
      call.give(words === undefined ? { _tag: "Unrecognised", segment: 1 } : { _tag: "Final", segment: 1, text: words })
      const decided = call.decided()
      const started = decided.find((output) => output._tag === "ReplyStarted")
      assert.strictEqual(started?.cue._tag, cue)
      assert.strictEqual(
        decided.some((output) => output._tag === "TurnDropped"),
        cue === undefined
      )
    })
  }

  it("never takes a stale or repeated transcript", () => {
    const call = greeted()
    call.speak(800)
    call.quiet(256)
    call.give({ _tag: "Final", segment: 1, text: "first" }, { _tag: "Final", segment: 1, text: "twice" })
    call.give({ _tag: "Final", segment: 7, text: "somebody else's" })
    call.quiet(320)
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 2, cue: { _tag: "Answer", text: "first" } })
    call.give({ _tag: "Audible", epoch: 2 }, { _tag: "Finished", epoch: 2 })
    call.speak(800)
    call.give({ _tag: "Final", segment: 1, text: "late" }, { _tag: "Interim", segment: 1, text: "late" })
    call.quiet(256)
    call.words("second")
    call.quiet(320)
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "Answer", text: "second" } })
  })

  it("ends when the line delivers no more audio", () => {
    const call = greeted()
    call.speak(800)
    call.quiet(32)
    for (let i = 0; i < 20; i++) {
      call.give({ _tag: "NoAudio", atMs: call.state().nowMs })
      if (i === 10) call.words("are you there")
    }
    assert.include(call.tags(), "TurnEnded")
  })
})

describe("speech while the agent thinks", () => {
  it("joins the turn, and thinking starts again with all the words", () => {
    const call = greeted()
    call.speak(800)
    call.quiet(320)
    call.words("book a table")
    call.quiet(320)
    call.decided()
    call.speak(640)
    const decided = call.decided()
    assert.deepInclude(decided, { _tag: "ReplyStopped", epoch: 2, reason: "caller went on" })
    assert.deepInclude(decided, { _tag: "SegmentOpened", turn: 1, segment: 2, fromMs: 1440 })
    call.quiet(256)
    call.words("for two")
    call.quiet(320)
    const again = call.decided()
    assert.deepInclude(again, { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "Answer", text: "book a table for two" } })
    assert.isFalse(again.some((output) => output._tag === "TurnStarted"))
  })
})

describe("barge-in", () => {
  it("needs the probability above its threshold for all of its windows in a row", () => {
    const call = speaking()
    call.speak(64, 0.9)
    call.speak(32, 0.84)
    call.speak(64, 0.9)
    assert.notInclude(call.tags(), "ReplyStopped")
    call.speak(32, 0.9)
    assert.include(call.tags(), "ReplyStopped")
  })

  it("opens the segment before it stops the reply, from the first window of the caller's speech", () => {
    const call = speaking()
    const before = call.state().nowMs
    call.speak(96)
    assert.deepStrictEqual(call.decided(), [
      { _tag: "TurnStarted", turn: 2, atMs: before },
      { _tag: "SegmentOpened", turn: 2, segment: 2, fromMs: before },
      { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" }
    ])
  })

  it("does not happen while nobody hears the agent", () => {
    const call = greeted()
    call.speak(2000)
    assert.notInclude(call.tags(), "ReplyStopped")
  })

  it("happens when the agent becomes audible over a caller who is speaking", () => {
    const call = play()
    call.give({ _tag: "CallStarted" })
    call.speak(320)
    call.decided()
    call.give({ _tag: "Audible", epoch: 1 })
    call.speak(32)
    assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 1, reason: "barge-in" })
  })

  it("takes a few words for one, however softly they were said", () => {
    const call = speaking()
    call.speak(640, 0.7)
    call.quiet(256)
    assert.notInclude(call.tags(), "ReplyStopped")
    call.words("I meant Tuesday")
    assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" })
    call.quiet(320)
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 3,
      cue: { _tag: "Answer", text: "I meant Tuesday" }
    })
  })

  it("is not misled by news of a reply that is no more", () => {
    const call = speaking()
    call.speak(96)
    call.decided()
    call.give({ _tag: "Audible", epoch: 2 }, { _tag: "Finished", epoch: 2 })
    assert.isUndefined(call.state().reply)
    call.speak(640)
    call.quiet(256)
    call.words("stop")
    call.quiet(320)
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "Answer", text: "stop" } })
    call.give({ _tag: "Finished", epoch: 2 })
    assert.strictEqual(call.state().reply?.epoch, 3)
  })
})

describe("barge-in in two steps", () => {
  const held = () => {
    const call = speaking(defaultTurnSettings)
    call.speak(96)
    assert.deepInclude(call.decided(), { _tag: "ReplyHeld", epoch: 2 })
    return call
  }

  it("holds the agent's audio on suspicion, and no more", () => {
    const call = speaking(defaultTurnSettings)
    call.speak(96)
    assert.deepStrictEqual(call.tags(), ["TurnStarted", "SegmentOpened", "ReplyHeld"])
  })

  it("sends nothing while a voice is too young to be judged, and goes on when it is gone or never gets loud", () => {
    const gone = speaking(defaultTurnSettings)
    gone.speak(32)
    assert.deepStrictEqual(gone.tags(), ["TurnStarted", "SegmentOpened", "ReplyHeld"])
    gone.quiet(64)
    assert.deepStrictEqual(gone.tags(), ["ReplyReleased"])

    const soft = speaking(defaultTurnSettings)
    soft.speak(160, 0.7)
    assert.deepStrictEqual(soft.tags(), ["TurnStarted", "SegmentOpened", "ReplyHeld"])
    soft.speak(32, 0.7)
    assert.deepStrictEqual(soft.tags(), ["ReplyReleased"])
    soft.speak(96, 0.7)
    assert.deepStrictEqual(soft.tags(), [])
  })

  it("is confirmed by sustained speech", () => {
    const call = held()
    call.speak(576)
    assert.deepStrictEqual(call.tags(), [])
    call.speak(32)
    assert.deepStrictEqual(call.decided(), [{ _tag: "ReplyStopped", epoch: 2, reason: "barge-in" }])
  })

  it("is confirmed by words, while they are still being said", () => {
    const call = held()
    call.give({ _tag: "Interim", segment: 2, text: "Tuesday" })
    assert.deepStrictEqual(call.decided(), [{ _tag: "ReplyStopped", epoch: 2, reason: "barge-in" }])
  })

  for (const text of ["mm-hm", "Okay.", "right", "Yeah, yeah."]) {
    it(`goes on after "${text}"`, () => {
      const call = held()
      call.speak(224)
      call.give({ _tag: "Interim", segment: 2, text })
      call.quiet(192)
      call.words(text)
      call.quiet(800)
      assert.deepStrictEqual(
        call.decided().filter((output) => output._tag !== "SegmentEnded"),
        [
          { _tag: "ReplyReleased", epoch: 2 },
          { _tag: "TurnDropped", turn: 2, reason: "backchannel" }
        ]
      )
    })
  }

  it("goes on as soon as the words are known not to interrupt", () => {
    const call = held()
    call.speak(224)
    call.quiet(192)
    call.decided()
    call.words("mm-hm")
    assert.deepStrictEqual(call.decided(), [{ _tag: "ReplyReleased", epoch: 2 }])
  })

  it("does not go on while the caller still speaks, whatever comes of what they said before", () => {
    const call = held()
    call.speak(96)
    call.quiet(256)
    call.speak(64)
    assert.include(call.tags(), "SegmentEnded")
    call.words("")
    assert.deepStrictEqual(call.tags(), [])
  })

  it("goes on after a cough", () => {
    const call = held()
    call.quiet(192)
    call.words("")
    call.quiet(800)
    const tags = call.tags()
    assert.include(tags, "ReplyReleased")
    assert.notInclude(tags, "ReplyStopped")
  })

  for (const text of ["stop", "Wait.", "no", "hold on"]) {
    it(`stops at once for "${text}", however softly it is said`, () => {
      const call = speaking(defaultTurnSettings)
      call.speak(256, 0.7)
      call.give({ _tag: "Interim", segment: 2, text })
      assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" })
    })
  }

  it("takes a yes over the last of the reply for an answer", () => {
    const call = speaking(defaultTurnSettings)
    call.give({ _tag: "Ending", epoch: 2 })
    call.speak(256)
    call.quiet(192)
    call.words("yes")
    call.quiet(500)
    const decided = call.decided()
    assert.deepInclude(decided, { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "Answer", text: "yes" } })
  })

  it("does not stop what is to be said to its end, and loses nothing of what the caller says meanwhile", () => {
    const settings: TurnSettings = { ...defaultTurnSettings, uninterruptible: new Set(["Answer"]) }
    const call = speaking(settings)
    call.speak(1600)
    call.give({ _tag: "Interim", segment: 2, text: "stop right now please" })
    call.quiet(160)
    call.words("stop right now please")
    call.quiet(1000)
    assert.notInclude(call.tags(), "ReplyStopped")
    call.give({ _tag: "Finished", epoch: 2 })
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 3,
      cue: { _tag: "Answer", text: "stop right now please" }
    })
  })
})

describe("speculation", () => {
  const guessing = () => {
    const call = greeted(defaultTurnSettings)
    call.speak(960)
    call.give({ _tag: "Interim", segment: 1, text: "book a table" })
    call.decided()
    call.quiet(64)
    assert.deepStrictEqual(call.tags(), [])
    call.quiet(32)
    assert.deepStrictEqual(call.decided(), [
      { _tag: "ReplyStarted", epoch: 2, cue: { _tag: "Answer", text: "book a table" } }
    ])
    call.quiet(64)
    return call
  }

  it("starts the reply at a short pause, held, and lets it go at the turn's end", () => {
    const call = guessing()
    assert.deepStrictEqual(call.decided(), [{ _tag: "SegmentEnded", turn: 1, segment: 1, toMs: 1120 }])
    call.words("Book a table.")
    call.quiet(320)
    assert.deepStrictEqual(call.decided(), [])
    call.quiet(32)
    assert.deepStrictEqual(call.tags(), ["TurnEnded", "ReplyReleased"])
  })

  it("is taken back when the caller goes on, and the turn has all the words", () => {
    const call = guessing()
    call.decided()
    call.words("book a table")
    call.speak(320)
    assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 2, reason: "caller went on" })
    call.give({ _tag: "Interim", segment: 2, text: "for two" })
    call.quiet(192)
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 3,
      cue: { _tag: "Answer", text: "book a table for two" }
    })
  })

  it("starts again when the final words differ", () => {
    const call = guessing()
    call.decided()
    call.words("look at the table")
    assert.deepStrictEqual(call.decided(), [
      { _tag: "ReplyStopped", epoch: 2, reason: "words changed" },
      { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "Answer", text: "look at the table" } }
    ])
  })

  it("comes to nothing when the words turn out to be none", () => {
    const call = guessing()
    call.decided()
    call.words("")
    assert.deepStrictEqual(call.decided(), [{ _tag: "ReplyStopped", epoch: 2, reason: "words changed" }])
    call.quiet(500)
    assert.deepStrictEqual(call.tags(), ["TurnDropped"])
  })

  it("is given up after a few guesses in one turn", () => {
    const call = greeted(defaultTurnSettings)
    let started = 0
    for (let segment = 1; segment <= 6; segment++) {
      call.speak(320)
      call.give({ _tag: "Interim", segment, text: `part ${segment}` })
      call.quiet(192)
      started += call.tags().filter((tag) => tag === "ReplyStarted").length
    }
    assert.strictEqual(started, defaultTurnSettings.speculationsPerTurn)
  })

  it("is not tried for very long speech, nor when it is switched off", () => {
    for (const settings of [
      { ...defaultTurnSettings, speculationMaxSpeechMs: 900 },
      { ...defaultTurnSettings, speculationsPerTurn: 0 }
    ]) {
      const call = greeted(settings)
      call.speak(960)
      call.give({ _tag: "Interim", segment: 1, text: "book a table" })
      call.quiet(320)
      assert.notInclude(call.tags(), "ReplyStarted")
    }
  })
})

describe("the pause that ends a turn", () => {
  it("is asked about with the words and the caller's habit", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(640)
    call.quiet(320)
    call.speak(640)
    call.everything()
    call.give({ _tag: "Interim", segment: 2, text: "and then" })
    assert.deepInclude(call.everything(), {
      _tag: "PauseLimitWanted",
      turn: 1,
      text: "and then",
      typicalPauseMs: 320,
      pausesSeen: 1
    })
  })

  for (const limit of [256, 1504]) {
    it(`is what the judge said: ${limit} ms`, () => {
      const call = greeted(defaultTurnSettings)
      call.speak(640)
      call.give({ _tag: "Interim", segment: 1, text: "yes" }, { _tag: "PauseLimit", turn: 1, ms: limit })
      call.quiet(192)
      call.words("yes")
      call.quiet(limit - 224)
      assert.notInclude(call.tags(), "TurnEnded")
      call.quiet(32)
      assert.include(call.tags(), "TurnEnded")
    })
  }

  it("ends a turn at once that has waited longer already", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(640)
    call.quiet(352)
    call.words("yes")
    call.decided()
    call.give({ _tag: "PauseLimit", turn: 1, ms: 250 })
    assert.include(call.tags(), "TurnEnded")
  })

  it("is short for a talker without end", () => {
    const call = greeted({ ...defaultTurnSettings, maxTurnMs: 3000 })
    call.speak(3200)
    call.give({ _tag: "PauseLimit", turn: 1, ms: 2500 }, { _tag: "Interim", segment: 1, text: "and so on and" })
    call.quiet(192)
    call.words("and so on and")
    assert.include(call.tags(), "TurnEnded")
  })
})

describe("noise while the agent thinks", () => {
  it("holds the reply and lets it go again, without making it anew", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(960)
    call.quiet(160)
    call.words("book a table")
    call.quiet(480)
    assert.strictEqual(call.state().reply?.phase, "thinking")
    call.decided()
    call.speak(96)
    assert.include(call.tags(), "ReplyHeld")
    call.quiet(160)
    call.words("")
    call.quiet(640)
    const tags = call.tags()
    assert.include(tags, "ReplyReleased")
    assert.notInclude(tags, "ReplyStopped")
    assert.notInclude(tags, "ReplyStarted")
  })
})

describe("words without a voice behind them", () => {
  it("are dropped", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(64, 0.7)
    call.quiet(160)
    call.words("Thank you.")
    call.quiet(800)
    assert.include(call.tags(), "TurnDropped")
  })

  it("leave a short real yes alone", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(192)
    call.quiet(160)
    call.words("Yes.")
    call.quiet(500)
    assert.include(call.tags(), "TurnEnded")
  })
})

describe("silence", () => {
  it("is asked about, asked about again, and ended politely", () => {
    const call = greeted(defaultTurnSettings)
    const cues: Array<string> = []
    for (let epoch = 2; epoch <= 4; epoch++) {
      call.quiet(9952)
      assert.deepStrictEqual(call.decided(), [])
      call.quiet(64)
      for (const output of call.decided()) if (output._tag === "ReplyStarted") cues.push(output.cue._tag)
      call.give({ _tag: "Audible", epoch }, { _tag: "Finished", epoch })
    }
    assert.deepStrictEqual(cues, ["StillThere", "StillThere", "NobodyThere"])
    assert.deepStrictEqual(call.decided(), [{ _tag: "HangUp" }])
  })

  it("is over when the caller speaks: even over the goodbye", () => {
    const call = greeted({ ...defaultTurnSettings, idlePrompts: 0 })
    call.quiet(10016)
    call.give({ _tag: "Audible", epoch: 2 })
    call.speak(960)
    call.give({ _tag: "Interim", segment: 1, text: "wait I am here" })
    call.quiet(160)
    call.words("wait I am here")
    call.quiet(500)
    const decided = call.decided()
    assert.deepInclude(decided, { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" })
    call.give({ _tag: "Finished", epoch: 2 })
    assert.notDeepInclude(call.decided(), { _tag: "HangUp" })
  })

  it("never counts while the caller is talking", () => {
    const call = greeted(defaultTurnSettings)
    call.speak(30000)
    assert.notInclude(call.tags(), "ReplyStarted")
  })
})

describe("the longest call", () => {
  const settings: TurnSettings = { ...defaultTurnSettings, idleMs: 0, maxCallMs: 60_000, callWarningMs: 20_000 }

  it("is announced and then ended with a goodbye that is said to its end", () => {
    const call = greeted(settings)
    call.quiet(40_000)
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 2, cue: { _tag: "TimeWarning" } })
    call.give({ _tag: "Audible", epoch: 2 }, { _tag: "Finished", epoch: 2 })
    call.quiet(19_000)
    call.speak(2000)
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 3, cue: { _tag: "TimeUp" } })
    call.give({ _tag: "Audible", epoch: 3 })
    call.speak(2000)
    assert.notInclude(call.tags(), "ReplyStopped")
    call.give({ _tag: "Finished", epoch: 3 })
    assert.deepInclude(call.decided(), { _tag: "HangUp" })
  })
})

describe("keys and typed words", () => {
  it("takes keys together and ends them with #", () => {
    const call = greeted()
    call.give({ _tag: "Key", digit: "4" }, { _tag: "Key", digit: "2" }, { _tag: "Key", digit: "#" })
    assert.deepInclude(call.decided(), {
      _tag: "ReplyStarted",
      epoch: 2,
      cue: { _tag: "Answer", text: "(The caller pressed 4 2 #)" }
    })
  })

  it("takes no more keys than anybody means to press", () => {
    const call = greeted()
    for (let i = 0; i < 1000; i++) call.give({ _tag: "Key", digit: String(i % 10) })
    call.give({ _tag: "Key", digit: "#" })
    const text = `(The caller pressed ${Array.from({ length: 100 }, (_, i) => i % 10).join(" ")})`
    assert.deepInclude(call.decided(), { _tag: "ReplyStarted", epoch: 2, cue: { _tag: "Answer", text } })
  })

  it("ends keys after a while without any", () => {
    const call = greeted()
    call.quiet(64)
    call.give({ _tag: "Key", digit: "1" })
    call.quiet(1472)
    assert.deepStrictEqual(call.tags(), [])
    call.quiet(32)
    assert.include(call.tags(), "ReplyStarted")
  })

  it("interrupts the agent by a key", () => {
    const call = speaking()
    call.give({ _tag: "Key", digit: "0" })
    assert.deepStrictEqual(call.decided(), [{ _tag: "ReplyStopped", epoch: 2, reason: "key pressed" }])
  })

  it("takes typed words for spoken ones", () => {
    const call = speaking()
    call.give({ _tag: "Typed", text: "what are your hours" })
    const decided = call.decided()
    assert.deepInclude(decided, { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" })
    assert.deepInclude(decided, {
      _tag: "ReplyStarted",
      epoch: 3,
      cue: { _tag: "Answer", text: "what are your hours" }
    })
  })
})

describe("a caller who waits for an answer", () => {
  const settings: TurnSettings = { ...plain, fillerMs: 1800 }

  /** A turn has just ended, 640 ms after the caller's last sound; reply 2 is to answer it. */
  const asked = () => {
    const call = greeted(settings)
    call.speak(800)
    call.quiet(320)
    call.words("hello")
    call.quiet(320)
    call.decided()
    return call
  }

  it("is told once that it is coming, that long after their last sound", () => {
    const call = asked()
    call.quiet(1088)
    assert.deepStrictEqual(call.decided(), [])
    call.quiet(96)
    assert.deepStrictEqual(call.decided(), [{ _tag: "FillerWanted", epoch: 2 }])
    call.give({ _tag: "Audible", epoch: 2, filler: true })
    call.quiet(4000)
    assert.deepStrictEqual(call.decided(), [])
  })

  it("is told nothing when the answer is there", () => {
    const call = asked()
    call.give({ _tag: "Audible", epoch: 2 })
    call.quiet(3000)
    assert.deepStrictEqual(call.decided(), [])
  })

  it("can interrupt the filler", () => {
    const call = asked()
    call.quiet(1200)
    call.give({ _tag: "Audible", epoch: 2, filler: true })
    call.decided()
    call.speak(96)
    assert.deepInclude(call.decided(), { _tag: "ReplyStopped", epoch: 2, reason: "barge-in" })
  })

  it("is told nothing while they speak", () => {
    const call = asked()
    call.speak(1500, 0.7)
    assert.notInclude(call.tags(), "FillerWanted")
  })

  it("does not hear a filler when it is not wanted", () => {
    const call = greeted({ ...settings, fillerMs: 0 })
    call.speak(800)
    call.quiet(320)
    call.words("hello")
    call.quiet(5000)
    assert.notInclude(call.tags(), "FillerWanted")
  })
})

describe("replies that come to nothing", () => {
  const settings: TurnSettings = { ...plain, maxFailures: 3 }

  /** The caller says something that the reply with this number is to answer. */
  const ask = (call: ReturnType<typeof play>, recognised = true) => {
    call.speak(800)
    call.quiet(320)
    if (recognised) call.words("hello")
    else call.give({ _tag: "Unrecognised", segment: call.state().nextSegment - 1 })
    call.quiet(320)
    return call.state().reply?.epoch ?? 0
  }
  const fail = (call: ReturnType<typeof play>, epoch: number) => call.give({ _tag: "Finished", epoch, failed: true })
  const cues = (call: ReturnType<typeof play>) =>
    call.decided().flatMap((output) => (output._tag === "ReplyStarted" ? [output.cue._tag] : []))
  const say = (call: ReturnType<typeof play>) => {
    const epoch = call.state().reply?.epoch ?? 0
    call.give({ _tag: "Audible", epoch }, { _tag: "Finished", epoch })
  }

  it("are apologised for; after three in a row the agent says goodbye and hangs up", () => {
    const call = greeted(settings)
    for (let n = 1; n <= 2; n++) {
      fail(call, ask(call))
      assert.deepStrictEqual(cues(call), ["Answer", "Apology"])
      say(call)
    }
    fail(call, ask(call))
    assert.deepStrictEqual(cues(call), ["Answer", "GiveUp"])
    say(call)
    assert.deepStrictEqual(call.decided(), [{ _tag: "HangUp" }])
  })

  it("are forgotten when an answer is heard", () => {
    const call = greeted(settings)
    for (let n = 1; n <= 6; n++) {
      fail(call, ask(call))
      say(call)
      ask(call)
      say(call)
    }
    assert.notInclude(cues(call), "GiveUp")
  })

  it("are not forgotten for a filler, and count together with turns whose words could not be had", () => {
    const call = greeted(settings)
    const epoch = ask(call)
    call.give({ _tag: "Audible", epoch, filler: true })
    fail(call, epoch)
    say(call)
    ask(call, false)
    say(call)
    assert.deepStrictEqual(cues(call), ["Answer", "Apology", "AskAgain"])
    ask(call, false)
    assert.deepStrictEqual(cues(call), ["GiveUp"])
  })

  it("bring no apology when the caller has gone on, which gives another chance", () => {
    const call = greeted(settings)
    const epoch = ask(call)
    call.give({ _tag: "Audible", epoch, filler: true })
    call.speak(64)
    call.decided()
    fail(call, epoch)
    assert.deepStrictEqual(cues(call), [])
  })

  it("that were started on a guess are asked for once more when the turn is over, without an apology", () => {
    const call = greeted({ ...settings, speculationsPerTurn: 3, speculationPauseMs: 96, silenceDurationMs: 640 })
    call.speak(800)
    call.quiet(320)
    call.words("hello")
    fail(call, call.state().reply?.epoch ?? 0)
    assert.deepStrictEqual(cues(call), ["Answer"])
    call.quiet(640)
    assert.deepStrictEqual(cues(call), ["Answer"])
    assert.strictEqual(call.state().failures, 0)
  })

  it("end with a goodbye that nobody can interrupt, and with a hang-up even if it cannot be said", () => {
    const call = greeted({ ...settings, maxFailures: 1 })
    fail(call, ask(call))
    const epoch = call.state().reply?.epoch ?? 0
    call.give({ _tag: "Audible", epoch })
    call.decided()
    call.speak(2000)
    call.give({ _tag: "Key", digit: "1" })
    assert.notInclude(call.tags(), "ReplyStopped")
    fail(call, epoch)
    assert.deepInclude(call.decided(), { _tag: "HangUp" })
  })

  it("can go on for ever when there is no limit", () => {
    const call = greeted({ ...settings, maxFailures: 0 })
    for (let n = 1; n <= 5; n++) {
      fail(call, ask(call))
      say(call)
    }
    assert.notInclude(cues(call), "GiveUp")
  })
})
