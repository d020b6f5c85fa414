/** Texts to try a tokenizer with when the user brings none: one of each kind that resumes meet. */

/** A text and what kind of text it is; kinds are counted apart. */
export interface KindedText {
  readonly kind: string;
  readonly text: string;
  /** Text that spells control tokens is encoded letter by letter, as a model that quotes it writes it. */
  readonly plain?: boolean;
}

const PROSE = `The ferry left at half past six, a little late, as it did most mornings. "You'll want the upper deck," said the man who'd sold her the ticket; he didn't look up. She climbed the stairs anyway, found a bench that wasn't wet, and watched the harbour shrink. What she had forgotten -- or hadn't dared to remember -- was how quiet it was out here: no engines but one, no voices, only gulls.

They'd agreed on three things. First, nobody would mention the house. Second, they'd split the bill (it's only fair, isn't it?). Third… well, the third was harder to put into words. She'd try, though. "It'll be fine," he'd said. "It always is."
`;

const SPACES = `def merge(left, right):
    """Merges two sorted lists.   Stable."""
    out = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            out.append(left[i]);    i += 1
        else:
            out.append(right[j]);   j += 1


    # what is left over
    return out + left[i:] + right[j:]


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x: float = 0.0, y: float = 0.0) -> None:
        self.x, self.y = x, y

    def __repr__(self):
        return f"Point({self.x!r}, {self.y!r})"
`;

const TABS = `package main

import (
\t"fmt"
\t"os"
)

// run reads args and prints each one.
func run(args []string) error {
\tfor i, a := range args {
\t\tif a == "" {
\t\t\tcontinue
\t\t}
\t\tfmt.Printf("%d:\\t%s\\n", i, a)\t// one a line
\t}

\treturn nil
}

func main() {
\tif err := run(os.Args[1:]); err != nil {
\t\tfmt.Fprintln(os.Stderr, err)
\t\tos.Exit(1)
\t}
}
`;

const JSON_TEXT = `{
  "name": "get_weather",
  "arguments": {
    "city": "Zürich",
    "days": [1, 2, 3],
    "units": "metric",
    "note": "line one\\nline \\"two\\"\\t\\u00e9",
    "nested": { "a": { "b": { "c": [] } } },
    "empty": "",
    "rate": -0.125e-3,
    "ok": true,
    "none": null
  }
}
{"name":"search","arguments":{"query":"a  b","limit":10,"tags":["x","y"],"exact":false}}
`;

const CJK = `今天天气很好，我们去公园散步吧。“你吃饭了吗？”他问。昨日、京都から東京まで新幹線で二時間半かかりました。

一、第1天：看一看老城；　二、坐火车去海边（大约3小时）。カタカナとひらがな、漢字が混ざった文です！오늘은 날씨가 좋아서 한강에 갔어요. 내일도 갈까요？
讀書破萬卷，下筆如有神。`;

const SCRIPTS = `Привет! Как дела? Сегодня довольно холодно. Γειά σου, κόσμε· τι κάνεις;
مرحبا بالعالم، كيف حالك اليوم؟ שלום עולם, מה שלומך?
नमस्ते दुनिया, आप कैसे हैं? สวัสดีชาวโลก วันนี้อากาศดีมาก
Xin chào thế giới! Ngày mai trời sẽ mưa. Γλώσσα, naïve, São Paulo, Łódź.
`;

const EMOJI = `Done! 🎉🎉 In order: 👩🏽‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 🇯🇵🇨🇭 ❤️‍🔥 👍🏿 1️⃣ ☺️ ♀️
- ✅ tests
- ❌ docs
- ⚠️  wait…  🧵🪡🫠 → 𝒳 ∈ ℝ, ∑ᵢ ≤ ∞
(╯°□°)╯︵ ┻━┻`;

const MARKS = `e\u0301te\u0301 and nai\u0308ve, A\u030Angstro\u0308m, n\u0303, a\u0323\u0302, o\u031B\u0301; q\u0307\u0323 x\u0336y\u0336
\u1112\u1161\u11AB\u1100\u1173\u11AF, \u212B, \uFB01ne, \u2460, \u00BD, \uFF21\uFF22\uFF23, Z\u0351\u036B\u0343a\u0329\u032Dl\u0358g\u0328o\u0489. Soft\u00ADhyphen, zero\u200Bwidth, word\u2060joiner, \u202Ertl\u202C.`;

const NUMBERS = `3.14159265358979 1,000,000 1 000 000 0x7fffFFFF 1e-9 -273.15 42 007 2024-02-29T23:59:60Z 192.168.100.254:8080 +41 44 668 18 00 50% $1,299.99 1/2 ½ ² Ⅷ ٣٤ 12345678901234567890
478 + 256 = 734; 12 × 12 = 144; 2^10 = 1024; 99999 9999 999 99 9
v1.22.3-rc.4 6f1ed002ab5595859014ebf0951522d9
`;

const WHITESPACE =
  'a  b   c    d\n\n\ne\n\n\n\nf \n \n  \n\tg\t\th\t \t i\r\n\r\nj\r\n  k\u00A0l\u00A0\u00A0m\u2003n\u3000\u3000o\n\n    p\n        q\n            r   \n   s                                t\n\n\n\n\n\n\nu \u2009 v\u0085w\u2028x\u000B\u000Cy.  \n\nz!\n\n  ';

const MARKDOWN = `# Results

Here is the **summary**, with *some* emphasis, \`code\` and a [link](https://example.org/a_b?c=d&e=%20f#g).

1. First
   - nested,  with two spaces
   - another
2. Second

| name    | score |
|:--------|------:|
| Kofi    |   310 |
| Søren   |  1,204 |

> Quoted text.
>
> More of it.

\`\`\`ts
const f = (xs: number[]): number => xs.reduce((a, b) => a + b, 0);
\`\`\`

---

- [ ] to do
- [x] done  \nEnd of the line.

$$ \\int_0^1 x^2\\,dx = \\frac{1}{3} $$
`;

const LOOK_ALIKES = `Write <|im_end|> to end a turn, <|im_start|>assistant to start one; Llama-3 has <|eot_id|> and <|start_header_id|>, others </s>, <s>, [INST], [/INST], <end_of_turn>, <|endoftext|>. Reasoning goes between <think> and </think>, calls into <tool_call>\n{"name": "f"}\n</tool_call>. Not quite: <|im_end|, < |im_end|>, <|im_\u200Bend|>, <thinking>, </think, <0x0A>, <unk>, ▁ and Ġ.`;

/** The built-in texts. */
export const SAMPLES: readonly KindedText[] = [
  { kind: 'prose', text: PROSE },
  { kind: 'code-spaces', text: SPACES },
  { kind: 'code-tabs', text: TABS },
  { kind: 'json', text: JSON_TEXT },
  { kind: 'markdown', text: MARKDOWN },
  { kind: 'numbers', text: NUMBERS },
  { kind: 'whitespace', text: WHITESPACE },
  { kind: 'cjk', text: CJK },
  { kind: 'scripts', text: SCRIPTS },
  { kind: 'emoji', text: EMOJI },
  { kind: 'combining', text: MARKS },
  { kind: 'look-alikes', text: LOOK_ALIKES, plain: true },
];
