"""Patterns mean what they mean in ECMA-262, or are refused with what to write instead."""

import pytest

from simrt.scenario.patterns import PatternError, translated


@pytest.mark.parametrize(
    "pattern",
    [
        "", "^a+?$", "a{2,3}?b{2}c{2,}", "(a|b)*", "(?:a)+", "(?<year>[0-9]{4})", r"[^\]a]",
        "[a-z-]",
        r"\.\*\/\-\@\"", r"\p{L}\P{Lu}\p{Script=Greek}", r"\u0041\u{1F600}\x41\cA",
        r"[\d\s\w\D\S\W]",
        "a]", "a}", "$^", "|", "^|a", "[*+?{(|)}^$.]", "ä\U0001f680",
    ],
)  # fmt: skip
def test_what_means_the_same_stays(pattern):
    assert translated(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "engine"),
    [
        (r"\ba\B", r"(?-u:\b)a(?-u:\B)"),
        (r"\\ba", r"\\ba"),
        (r"\<a\>", "<a>"),
        (r"[\<a\>]", "[<a>]"),
    ],
)
def test_what_differs_is_translated(pattern, engine):
    assert translated(pattern) == engine


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(?=a)", "lookahead"), ("(?!a)", "lookahead"), ("(?<=a)", "lookbehind"),
        ("(?<!a)", "lookbehind"), (r"(a)\1", "backreferences"), (r"(?<a>b)\k<a>", "backreferences"),
        ("(?i)a", "the groups"), ("(?i:a)", "the groups"), ("(?P<a>b)", "the groups"),
        ("(?#a)", "the groups"), ("(?", "the groups"),
        ("x*+", "something to repeat before +"), ("a{2}{3}", "something to repeat before {"),
        ("*a", "something to repeat before *"), ("^*", "something to repeat before *"),
        ("(*a)", "something to repeat"), ("a|*", "something to repeat"), (r"\b+", "to repeat"),
        ("a{", r"\{"), ("a{,2}", r"\{"), ("{", r"\{"),
        ("[]", r"[\s\S]"), ("[^]", r"[\s\S]"), ("[]a]", "without []"), ("[a", "its ]"),
        (r"\A", r"no \A"), (r"\z", r"no \z"), (r"\Z", r"no \Z"), (r"\a", r"no \a"),
        (r"\e", r"no \e"),
        (r"\pL", r"no \p"), (r"\x{41}", r"no \x"), (r"\u12", r"no \u"), (r"\U00000041", r"no \U"),
        (r"\h", r"no \h"), ("\\ä", "no \\ä"), ("a\\", "no \\"),
        (r"\0", r"\x00 in place of \0"), (r"[\b]", r"\x08"), (r"\ud83d\ude00", r"\u{1F600}"),
        (r"\b{start}", r"\{"), (r"\b{2}", "to repeat before {"),
    ],
)  # fmt: skip
def test_what_ecma_262_has_not_is_refused_with_what_to_write(pattern, says):
    with pytest.raises(PatternError) as refused:
        translated(pattern)
    assert says in str(refused.value)
    assert str(refused.value).startswith("a regular expression")
