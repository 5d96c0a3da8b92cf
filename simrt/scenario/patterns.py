"""Patterns of JSON Schema: regular expressions of ECMA-262 for an engine that is always linear.

The engine (Rust's `regex`) tries nothing twice, so that no text makes it slow; it has no lookaround
and no backreferences for that reason. What the two languages write differently is translated here,
or refused with what to write instead: a pattern must not mean something else than in a browser.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\\(u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|[pP]\{[A-Za-z0-9_=]+\}"
    r"|[dDsSwWbBfnrtv]|[!-/:-@\[-`{-~ ])"
)
_SURROGATE = re.compile(r"u[dD][89a-fA-F]")
_COUNT = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_GROUP = re.compile(r"\(\?(:|<[A-Za-z_$][A-Za-z0-9_$]*>)")

# ECMA-262 knows ASCII letters here, Rust all letters; `\<` is a mere character there.
_TRANSLATED = {"b": r"(?-u:\b)", "B": r"(?-u:\B)", "<": "<", ">": ">"}

LINEAR = (
    "a regular expression without lookahead, lookbehind and backreferences: judging them can take "
    "time that doubles with each character"
)


class PatternError(ValueError):
    """A pattern that is not judged; the message says what to write instead."""


def translated(pattern: str) -> str:
    """A pattern of ECMA-262 as the engine writes it.

    Raises:
        PatternError: where ECMA-262 has no such pattern, or a linear engine cannot judge it.
    """
    parts: list[str] = []
    at, in_class, atom = 0, False, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            taken = _escape(pattern, at, in_class=in_class)
            atom = in_class or pattern[at + 1] not in "bB"
            parts.append(_TRANSLATED.get(taken[1:], taken))
        elif in_class:
            taken, in_class, atom = char, char != "]", True
            parts.append(taken)
        elif char == "[":
            taken, in_class = _opened(pattern, at), True
            parts.append(taken)
        else:
            taken, atom = _outside(pattern, at, atom=atom)
            parts.append(taken)
        at += len(taken)
    if in_class:
        raise PatternError("a regular expression in which each [ has its ]")
    return "".join(parts)


def _escape(pattern: str, at: int, *, in_class: bool) -> str:
    found = _ESCAPE.match(pattern, at)
    if found is None:
        after = pattern[at + 1 : at + 2]
        if after and after in "123456789k":
            raise PatternError(LINEAR)
        instead = r"\x00 in place of \0" if after == "0" else f"no \\{after}, which ECMA-262 lacks"
        raise PatternError(f"a regular expression with {instead}")
    if _SURROGATE.match(found[1]):
        raise PatternError(r"a regular expression with \u{1F600} in place of two halves")
    if in_class and found[1] in ("b", "B"):
        raise PatternError(r"a regular expression with \x08 in place of \b between [ and ]")
    return found[0]


def _opened(pattern: str, at: int) -> str:
    taken = "[^" if pattern.startswith("[^", at) else "["
    if pattern.startswith("]", at + len(taken)):
        raise PatternError(r"a regular expression with [\s\S] in place of [^], and without []")
    return taken


def _outside(pattern: str, at: int, *, atom: bool) -> tuple[str, bool]:
    """What stands outside of a class, and whether it can be repeated."""
    char = pattern[at]
    if char in "*+?{":
        count = _COUNT.match(pattern, at)
        if char == "{" and count is None:
            raise PatternError(r"a regular expression with \{ in place of a lone {")
        if not atom:
            raise PatternError(f"a regular expression that has something to repeat before {char}")
        taken = count[0] if count is not None else char
        lazy = "?" if pattern.startswith("?", at + len(taken)) else ""
        return taken + lazy, False
    if char == "(" and pattern.startswith("(?", at):
        group = _GROUP.match(pattern, at)
        if group is None:
            around = re.match(r"\(\?<?[=!]", pattern[at : at + 4])
            raise PatternError(
                LINEAR if around else "a regular expression with the groups (…), (?:…), (?<name>…)"
            )
        return group[0], False
    return char, char not in "^$|("
