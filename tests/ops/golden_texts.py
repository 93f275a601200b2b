#!/usr/bin/env python3
"""Writes ../lang/texts_python.dl: formats and methods of texts with what Python gives. What differs on purpose: `true`."""
import pathlib

FORMATS = {
    "[0, 7, -42, 255, 1234567, -4611686018427387904]": """d x X o b #x #X #o #b #d , _ _x _b _X _o #_x + +d +x +#x 08d #010x #012b 010, 09, 08, 012_ 016_x +012,
        >12 <12 ^12 =12 *^12 *>+12 *=+12, 0=12, 0<12 012_b <012 .2f 12.1f e % +.1% #.0f _.1f""".split() + [" d", " x", "·^13,"],
    "f64([0.0, -0.0, 1.0, 3.0, 99.96, 100.0, 123.456, 1234.5, -1234567.891, 1.234e-05, 0.0001234, 1e22, 1.5e300, inf, -inf, nan])":
        """.1 .2 .3 .5 .17 #.3 .0 # , _ ,.2f _.2f +.1f 012,.1f 015_.2f =15.3f 0=15.3f *^15.2e e E F G g #g .3g #.3g % .1% +% 010 <10 ^10 >+10
        #.0e #.0f 010.1f +010.1f +,.3g""".split() + [" .2f"],
    '["", "ab", "Grüße", "héllo wörld"]': "s 8 <8 >8 ^8 ^9 *^9 ·>9 08 >08 .2 .0 8.2 *<8.1s 20s".split(),
    "[65, 960, 128512]": "c 5c <5c ^5c 05c *=4c".split(),
    "[true, false]": "d +d x 5d".split(),
}
METHODS = {
    '["", "abc", "ABC", "Abc", "a1", "123", " \\t\\n", "a b", "Ünï", "straße", "ÄÖ", "1A", "a-b", "they\'re bill\'s friends", "hello wORLD", "x_y 2nd"]':
        "isdigit() isalpha() isalnum() isspace() isupper() islower() title() capitalize()".split(),
    '["ab", "", "-7", "+12", "--1", "grüß", "-"]':
        'zfill(0) zfill(5) zfill(4) ljust(5) ljust(6,"*") rjust(5) rjust(5,"é") center(5) center(6) center(7,"-") center(1)'.split(),
    '["", "a", "a,b,c", ",", "a,,c", " a b  c ", "abc", "aXc", "x\\ny\\r\\nz\\rw\\n", "\\n\\n", "a\\n b\\n\\n"]':
        'split() split(",") rsplit(",") rsplit(",",1) rsplit(",",0) rsplit() partition(",") rpartition(",") removeprefix("a") removesuffix("c") splitlines()'.split(),
}
QUOTED = ["a", "", "it's", 'say "hi"', "it's \"so\"", "back\\slash", "tab\tnew\nline\rend", "\x07", "\x7f", "\xa0", "é世", "\x85", "\U0001f600"]
PYTHON = {"f64": lambda x: x, "true": True, "false": False, "inf": float("inf"), "nan": float("nan")}

program = ["# Formats and methods of texts, as Python has them. Written by tests/ops/golden_texts.py."]
expected = []


def loop(values, calls, body, shown):
    """One line of output for each value, with all the calls."""
    program.append(f"for v in {values} {{")
    program.append("  print(" + ", ".join(body(call) for call in calls) + ")")
    program.append("}")
    for v in eval(values, PYTHON):
        line = " ".join(shown(v, call) for call in calls)
        expected.append(line.replace("True", "true").replace("False", "false"))


for values, formats in FORMATS.items():
    formats = list(dict.fromkeys(formats))
    for begin in range(0, len(formats), 16):
        loop(values, formats[begin:begin + 16], lambda f: f'"[{{v:{f}}}]"', lambda v, f: f"[{v:{f}}]")
for values, methods in METHODS.items():
    loop(values, methods, lambda m: f"(v.{m},)", lambda v, m: repr((eval(f"v.{m}"),)))
for text in QUOTED:
    program.append(f"print((from_codes({[ord(c) for c in text] or 'zeros(0, dtype=i64)'}), 1))")
    expected.append(repr((text, 1)))

lines = program + ["", "# output:"] + [f"# {line}" for line in expected]
path = pathlib.Path(__file__).parent.parent / "lang" / "texts_python.dl"
path.write_text("\n".join(lines) + "\n")
