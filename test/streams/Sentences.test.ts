import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema, Stream } from "effect"
import { flush, initial, sentences, type SentenceOptions, step } from "../../src/streams/Sentences.ts"

/** All pieces of a text that comes in these parts. */
const pieces = (parts: ReadonlyArray<string>, options?: SentenceOptions): ReadonlyArray<string> => {
  let state = initial(options)
  const all: Array<string> = []
  for (const part of parts) {
    const [next, given] = step(state, part)
    state = next
    all.push(...given)
  }
  return [...all, ...flush(state)]
}

/** The pieces that come after each part, without the end of the text. */
const timeline = (parts: ReadonlyArray<string>, options?: SentenceOptions): ReadonlyArray<ReadonlyArray<string>> => {
  let state = initial(options)
  return parts.map((part) => {
    const [next, given] = step(state, part)
    state = next
    return given
  })
}

const units = (text: string): ReadonlyArray<string> => text.split("")
const unspaced = (text: string): string => text.replace(/\s/g, "")

/** Written with a bar where speech is cut; white space around it is not part of a piece. */
const cases: Readonly<Record<string, ReadonlyArray<string>>> = {
  "short sentences": [
    "Yes.|No.|OK.|I can do that.|Dr. Smith is in.",
    "Yes.",
    "Dr.",
    "OK",
    "2",
    "Hi!|How are you?|Fine.",
    "Sure!|Let me check.",
    "No.|That is wrong.",
    "Wow!|nice"
  ],
  titles: [
    "Dr. Smith met Mr. Jones and Mrs. Lee.|Ms. Park and Prof. Wu came too.",
    "Ask Gen. Lee, Sen. Warren or Capt. Kirk.|They know.",
    "Mt. Everest and Ft. Worth are far.",
    "It is apples vs. Oranges here."
  ],
  "abbreviations that may end a sentence": [
    "I work at Acme Inc.|The pay is good.",
    "Acme Inc. Germany is a part of it.",
    "Smith & Co. Ltd. was sold.|It closed.",
    "He lives on Main St.|It is quiet.",
    "St. John and Fifth Ave. New York are names.",
    "He was born in the U.S.|His wife was not.",
    "The U.S. Senate and the U.K. Parliament met.",
    "In the U.K.|I drink tea.",
    "She has a Ph.D.|She is smart.",
    "She has a Ph.D.|Her colleagues do not.",
    "Martin Luther King Jr. Boulevard is closed.",
    "The est. cost is five dollars, approx. Ten days of work.",
    "Jan. 5 and Sept. 12 are free.|Feb. is not.",
    "Wait for five min.|Then call."
  ],
  "abbreviations that usually end one": [
    "We open at 9 a.m. and close at 5 p.m. every day.",
    "Come at 5 p.m.|Bring pens.",
    "The call is at 5 p.m. Eastern time.",
    "It is at 9 a.m. Monday, not 9 a.m. Tuesday.",
    "Pens, paper, etc.|We start soon.",
    "Pens, etc. are needed (paper, etc.) by all.",
    "It was cited (Smith et al.).|Then it was not."
  ],
  "never the end": [
    "Fruit, e.g. Apples, and i.e. Pears.",
    "It takes approx. 5 minutes.",
    "See fig. 3, p. 12 and No. 5.|Good.",
    "Is it No. 7?|No.|It is No. 8.",
    "Was it a yes or a no.|Nobody knows."
  ],
  initials: [
    "J. K. Rowling wrote it.|J.K. Rowling did.",
    "George W. Bush and John F. Kennedy were presidents.",
    "We went for plan B.|Then it worked.",
    "A. First point"
  ],
  numbers: [
    "Pi is 3.14.|It costs $4.99.|Version 2.0.1 is out.",
    "We meet at 10.30 today.|The server is 192.168.0.1.|Ok?",
    "It was in 1999.|Nobody knew.",
    "There are 3.|That is all.",
    "1. Open the door.|2. Close it.",
    "Steps: 1. Go in.|2. Sit.",
    "What is 6 times 7?|42. Anything else?",
    "The number is 1,000.50 or 1.000,50 here."
  ],
  addresses: [
    "Mail bob.smith@example.com.|Or visit example.com/path?x=1.|Thanks!",
    "See https://www.example.com/a.b?c=d&e=f!|It is new.",
    "Open notes.txt, then main.js.|Use Node.js.",
    "Go to example.com?|Yes."
  ],
  ellipses: [
    "Well...|I think so.|Hmm... maybe.",
    "Wait…|What?|No… not that.",
    "I...|I don't know.",
    "One...two...three.|Go.",
    "Then... 5 minutes later... nothing."
  ],
  "quotes and brackets": [
    'He said "Stop."|Then he left.',
    '"Really?" she asked.|"Yes!" he said.',
    "“Go!” he said.|“No.”|Then he went.",
    "(It works.)|Good.|[It does.]|Fine.",
    "He left (at last!) and slept.",
    "'Stop.'|Then he left.",
    "See [this. And that.](http://x.com) for more.|Done.",
    "„Halt!“ rief er.|„Nein.“|Dann ging er."
  ],
  runs: [
    "What?!|Really??|Yes!!!|OK?!|Fine",
    "Great!😊|Next one 👍🏽.|Ok.|👨‍👩‍👧 Family",
    "**Bold one.**|**Two.**|_Three._|Four"
  ],
  "line breaks": ["Hello|World", "Title|- one|- two|Done.", "First line|Second line", "Dr.|Smith", "It is, well,|over"],
  Chinese: ["你好。|我是小明！|你呢？|他说：“好。”|然后走了。", "你好!|我是小明.|很高兴", "他说：「好的。」|我走了。"],
  Japanese: ["こんにちは。|元気ですか？|はい！！|「はい。」と言った。|次です。", "３．１４です。|はい。"],
  Hindi: ["नमस्ते।|आप कैसे हैं?|मैं ठीक हूँ॥|डॉ. शर्मा आए।"],
  Arabic: ["مرحبا.|كيف حالك؟|أنا بخير،شكرا.", "د. أحمد هنا.|نعم."],
  Urdu: ["میں ٹھیک ہوں۔|آپ کیسے ہیں؟"],
  Spanish: ["¿Cómo estás?|¡Muy bien!|¿Y tú?", "El Sr. García y la Sra. López viven aquí.|Bien.", "¡Hola!|¿qué tal?"],
  French: [
    "Il a dit : « Stop ! »|Puis il est parti.",
    "« Bonjour. »|C'est bien.",
    "« Vraiment ? » demanda-t-il.|M. Dupont rit.",
    "Ça va ?|Oui !"
  ],
  German: [
    "Das ist z. B. Berlin.|Gut.",
    "Das ist z.B. Berlin, d.h. die Hauptstadt.",
    "Am 3. Mai kommt Dr. Müller.|Am 4. kommt er nicht.",
    "Im 19. Jahrhundert war es ca. 5 Euro.",
    "»Stopp!«|Dann ging er.|»Gut.«"
  ],
  Russian: ["Привет.|Как дела?|Он живёт в г. Москва, т. е. далеко."],
  "no capitals": ["yes.|i can do that.|no problem.|ok", "i love it.|iPhones are great.", "Great.|iPhones are in."]
}

describe("Sentences", () => {
  describe("cuts", () => {
    for (const [name, texts] of Object.entries(cases)) {
      for (const marked of texts) {
        it(`${name}: ${marked}`, () => {
          const expected = marked.split("|")
          const isLine = name === "line breaks"
          const wide = name === "Chinese" || name === "Japanese"
          const text = expected.join(isLine ? "\n" : wide ? "" : " ")
          assert.deepStrictEqual(pieces([text], { firstClauseMinChars: 0 }), expected)
          assert.deepStrictEqual(pieces(units(text), { firstClauseMinChars: 0 }), expected)
        })
      }
    }
  })

  describe("gives a piece as soon as it is settled", () => {
    it("a sentence with the beginning of the next", () => {
      assert.deepStrictEqual(timeline(["Yes", ".", " I", " can"]), [[], [], ["Yes."], []])
    })
    it("a question with the white space after it", () => {
      assert.deepStrictEqual(timeline(["Ready", "?", " "]), [[], [], ["Ready?"]])
    })
    it("a line with its end", () => {
      assert.deepStrictEqual(timeline(["One moment", ".", "\n"]), [[], [], ["One moment."]])
    })
    it("a stop that needs no space with the next character", () => {
      assert.deepStrictEqual(timeline(["好", "。", "是"]), [[], [], ["好。"]])
    })
    it("an abbreviation with the word after it", () => {
      assert.deepStrictEqual(timeline(["At 5 p.m.", " The", "n", " go"]), [[], [], [], ["At 5 p.m."]])
    })
    it("the first clause with the third word after it", () => {
      const parts = ["I would be happy to help you", ",", " and", " I", " can", " start", " now."]
      assert.deepStrictEqual(timeline(parts), [[], [], [], [], ["I would be happy to help you,"], [], []])
    })
  })

  describe("the first clause", () => {
    const first = (text: string, options?: SentenceOptions) => pieces([text], options)[0]

    for (const [text, expected] of [
      ["I would be happy to help you, and I can start now.", "I would be happy to help you,"],
      ["I would be happy to help; what is the order number?", "I would be happy to help;"],
      ["Here is what I found for you: two flights on Monday.", "Here is what I found for you:"],
      ["I can certainly look that up — just give me a moment.", "I can certainly look that up —"],
      ["I can certainly look that up—just give me a moment.", "I can certainly look that up—"],
      ['She always used to tell me, "Never look back at it."', "She always used to tell me,"],
      ["我很高兴能够帮助您解决这个问题，请告诉我您的订单号码好吗？", "我很高兴能够帮助您解决这个问题，"]
    ] as const) {
      it(`is cut off: ${text}`, () => assert.strictEqual(first(text), expected))
    }

    for (const text of [
      "Surely, I can help you with your order.",
      "I would be happy to help you, sir.",
      "I would be happy to help you, dear sir.",
      "Congratulations wonderful, you have won the first prize.",
      "Your confirmation number is 4, 5, 6, 7, 8 and 9.",
      "The total of your order is 1,250 dollars and 10 cents.",
      "The appointment is on March 3, 2027 at noon today.",
      "It is spelled like this A, B, C, D and then E.",
      "We have several sizes (small, medium, large and giant) for you.",
      "Please write to the address a,b@example.com as soon as possible.",
      "The doors open every day at 10:30 and close at 17:45 sharp.",
      "Take the road of 10 – 15 miles to the north and turn."
    ]) {
      it(`is left where it is: ${text}`, () => assert.deepStrictEqual(pieces([text]), [text]))
    }

    it("is an opener as soon as it is one, and the clause after it as soon as that could be one", () => {
      const parts = ["Sure", ",", " ", "I would be happy to help you", ",", " and I", " can start", " now."]
      assert.deepStrictEqual(timeline(parts), [[], [], ["Sure,"], [], [], [], ["I would be happy to help you,"], []])
      for (const [text, expected] of [
        ["Of course — what is your name?", "Of course —"],
        ["I'm sorry, we are closed.", "I'm sorry,"],
        ["I’m sorry; we are closed.", "I’m sorry;"],
        ["Okay, sure, I can do that.", "Okay,"]
      ] as const) {
        assert.deepStrictEqual(pieces([text]), [expected, text.slice(expected.length + 1)])
      }
      assert.deepStrictEqual(pieces(["Sure, that is fine."], { firstClauseMinChars: 0 }), ["Sure, that is fine."])
      assert.deepStrictEqual(pieces(["We open at nine. Sure, that is fine."]), [
        "We open at nine.",
        "Sure, that is fine."
      ])
    })

    it("is the first piece only", () => {
      const text = "Hello. I would be happy to help you, and I can start right now."
      assert.deepStrictEqual(pieces([text]), ["Hello.", text.slice(7)])
    })

    it("is not looked for at length 0, and later at a greater length", () => {
      const text = "I would be happy to help you, and I can start right now, if you like that."
      assert.deepStrictEqual(pieces([text], { firstClauseMinChars: 0 }), [text])
      assert.strictEqual(first(text, { firstClauseMinChars: 40 }), text.slice(0, 56))
    })
  })

  describe("long runs", () => {
    const words = (count: number) => Array.from({ length: count }, (_, i) => `word${i % 10}`).join(" ")

    it("are cut at the last clause before the limit", () => {
      const text = `${words(10)}, ${words(10)}; ${words(30)}`
      const given = pieces([text], { firstClauseMinChars: 0 })
      assert.strictEqual(given[0], `${words(10)}, ${words(10)};`)
    })

    it("are cut at the first clause after it otherwise", () => {
      const text = `${words(35)}, ${words(30)}`
      assert.deepStrictEqual(pieces([text], { firstClauseMinChars: 0 }), [`${words(35)},`, words(30)])
    })

    it("are cut between words without clauses", () => {
      const given = pieces([words(100)])
      assert.strictEqual(given.join(" "), words(100))
      assert.isTrue(given.length > 1 && given.every((piece) => piece.length <= 250))
    })

    it("are not cut in a number that is written with spaces", () => {
      const given = pieces([`${"a".repeat(240)} b 555 123 456 789`])
      assert.deepStrictEqual(given, [`${"a".repeat(240)} b`, "555 123 456 789"])
    })

    it("are cut between words where there are no spaces", () => {
      const given = pieces(["สวัสดี".repeat(100)])
      assert.deepStrictEqual([...new Set(given.join("").split("สวัสดี"))], [""])
      assert.isTrue(given.length === 3 && given.every((piece) => piece.length <= 250))
    })

    it("are never cut in a character", () => {
      const family = "👨‍👩‍👧‍👦"
      const given = pieces([family.repeat(100)])
      assert.isTrue(given.every((piece) => piece.length <= 250 && piece.split(family).join("") === ""))
    })

    it("keep other limits", () => {
      const given = pieces([words(40)], { maxChars: 20, hardMaxChars: 30 })
      assert.isTrue(given.every((piece) => piece.length <= 30))
      assert.strictEqual(given.join(" "), words(40))
    })
  })

  describe("refuses limits that make no sense", () => {
    for (const [options, message] of [
      [{ maxChars: 0 }, /^maxChars is 0, expected a whole number not below 1$/],
      [{ maxChars: 100, hardMaxChars: 99 }, /^hardMaxChars is 99, expected a whole number not below 100$/],
      [{ firstClauseMinChars: -1 }, /^firstClauseMinChars is -1/],
      [{ firstClauseMinChars: 1.5 }, /^firstClauseMinChars is 1.5/],
      [{ hardMaxChars: Number.NaN }, /^hardMaxChars is NaN/]
    ] as const) {
      it(`${Object.keys(options).join(" and ")} of ${Object.values(options).join(" and ")}`, () => {
        assert.throws(() => initial(options), RangeError, message)
        assert.throws(() => sentences(options), RangeError, message)
      })
    }
  })

  describe("for any text", () => {
    /** What decisions hang on, so that random texts are full of them. */
    const Fragment = Schema.Literals([
      ..."a|I|the|The|Then|Yes|no.|Dr.|Mr.|Inc.|U.S.|p.m.|5 p.m.|etc.|e.g.|z.|B.|J.|No.|3.|1.|42|3.14|$4.99|x@y.com".split(
        "|"
      ),
      ..."example.com/a?b=1.|...|…|?!|!|?|.|,|;|:|—|–|\"|'|“|”|«|»|(|)|[|](http://x.y/z)|*|**|`|```|~|_|#|-|\\".split(
        "|"
      ),
      ..."。|！|？|，|、|」|と|你好|漢字かな|नमस्ते|।|؟|مرحبا|é|\u0301|😀|👍🏽|👨‍👩‍👧|🇩🇪|1️⃣|\ud83d|\ude00|\u00a0|\u200d".split(
        "|"
      ),
      " ",
      "  ",
      "\n",
      " \n ",
      "\r\n",
      "\t",
      "extraordinarily",
      "x".repeat(130),
      "word ".repeat(20),
      "!".repeat(40)
    ])
    const Glue = Schema.Literals(["", " ", " ", " "])
    const Text = Schema.Array(Schema.Tuple([Fragment, Glue]))
    const Sizes = Schema.Array(Schema.Literals([0, 1, 1, 2, 3, 5, 8, 13, 34, 300]))
    const Limits = Schema.Literals(["usual", "small", "off"])

    const limits: Readonly<Record<typeof Limits.Type, SentenceOptions>> = {
      usual: {},
      small: { maxChars: 10, hardMaxChars: 17, firstClauseMinChars: 5 },
      off: { firstClauseMinChars: 0 }
    }
    const joined = (text: typeof Text.Type) => text.flat().join("")
    const split = (text: string, sizes: ReadonlyArray<number>): ReadonlyArray<string> => {
      const parts: Array<string> = []
      let rest = text
      for (const size of sizes) {
        parts.push(rest.slice(0, size))
        rest = rest.slice(size)
      }
      return [...parts, rest]
    }
    const options = { arbitrary: { runs: 300, size: 40 } }

    it.prop(
      "it makes no difference how it is split",
      [Text, Sizes, Limits],
      ([fragments, sizes, name]) => {
        const text = joined(fragments)
        const whole = pieces([text], limits[name])
        assert.deepStrictEqual(pieces(split(text, sizes), limits[name]), whole)
        assert.deepStrictEqual(pieces(units(text), limits[name]), whole)
      },
      options
    )

    it.prop(
      "nothing is lost but white space, and no piece is empty, padded or too long",
      [Text, Limits],
      ([fragments, name]) => {
        const text = joined(fragments)
        const given = pieces([text], limits[name])
        const most = limits[name].hardMaxChars ?? 250
        assert.strictEqual(unspaced(given.join("")), unspaced(text))
        for (const piece of given) {
          assert.isTrue(piece !== "" && piece === piece.trim() && piece.length <= most && !/[\n\r]/.test(piece))
        }
      },
      options
    )

    it.prop("the same goes for random strings", [Schema.Array(Schema.String)], ([parts]) => {
      const text = parts.join("")
      const given = pieces(parts)
      assert.deepStrictEqual(given, pieces([text]))
      assert.strictEqual(unspaced(given.join("")), unspaced(text))
    })

    it.prop("no piece ends within a surrogate pair", [Text, Limits], ([fragments, name]) => {
      const text = joined(fragments).replace(/\p{Cs}/gu, "")
      for (const piece of pieces(units(text), limits[name])) assert.notMatch(piece, /\p{Cs}/u)
    })
  })

  describe("text without end", () => {
    const size = 100_000
    for (const [name, unit] of Object.entries({
      letters: "a",
      spaces: " ",
      stops: ".",
      questions: "?",
      commas: ", ",
      quotes: '."',
      guillemets: "« ! ",
      brackets: "[a. ",
      initials: "A. ",
      pictographs: "!😀",
      "halves of pairs": "\ud83d"
    })) {
      it(`keeps what it holds back bounded: ${name}`, () => {
        const text = unit.repeat(size / unit.length)
        let [state] = step(initial(), text)
        let longest = state.pending.length
        state = initial()
        for (const char of units(text.slice(0, size / 10))) {
          ;[state] = step(state, char)
          longest = Math.max(longest, state.pending.length)
        }
        assert.isAtMost(longest, 250 + 100)
      })
    }
  })

  describe("as a stage", () => {
    it.effect("gives the pieces of each run on its own", () =>
      Effect.gen(function* () {
        const stage = sentences()
        const run = Stream.fromIterable(units("One. Two")).pipe(stage, Stream.runCollect)
        assert.deepStrictEqual(yield* run, ["One.", "Two"])
        assert.deepStrictEqual(yield* run, ["One.", "Two"])
      })
    )

    it.effect("gives nothing for nothing", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* Stream.make(" ", "", "\n").pipe(sentences(), Stream.runCollect), [])
      })
    )

    it.effect("fails as the text fails, after what is left of it", () =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        const exit = yield* Stream.make("One. Two").pipe(
          Stream.concat(Stream.fail("gone")),
          sentences(),
          Stream.runForEach((piece) => Effect.sync(() => heard.push(piece))),
          Effect.exit
        )
        assert.deepStrictEqual(exit, Exit.fail("gone"))
        assert.deepStrictEqual(heard, ["One.", "Two"])
      })
    )
  })
})
