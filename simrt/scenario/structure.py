"""What one part of a scenario says about itself: unknown keys, missing keys, wrong values.

The models find the mistakes; this gives each its place and words that a product owner understands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from simrt.errors import Mistake
from simrt.scenario.documents import Document, KeyPath
from simrt.scenario.fields import Allowed, OneOf, Part
from simrt.scenario.model import Scenario
from simrt.scenario.words import described, nearest
from simrt.text import listing

_PERMISSION_KEYS = ("public", "user", "token:NAME")


def mistakes_of_parts(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Everything that the parts of a scenario say about themselves, with the path of each."""
    yield from _choices(document)
    yield from _empty_values(document)
    try:
        Scenario.model_validate(document.data)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            # Which of some keys was chosen is asked by _choices, also where more is wrong.
            if one["type"] != "exactly_one" and not _follows(document, one):
                yield _from_model(document, one)


# --- what a model found -------------------------------------------------------------------------


def _from_model(document: Document, error: Any) -> tuple[KeyPath, Mistake]:
    path, of_key = _path_of(error["loc"], document.data, missing=error["type"] == "missing")
    where = resolve(path)
    if error["type"] == "extra_forbidden":
        known = resolve(path[:-1]).keys
        return path, document.mistake(
            path,
            f"the keys {listing(known)}",
            found=f"the key {described(path[-1])}",
            nearest=nearest(path[-1], known),
            of_key=True,
        )
    if of_key:
        mapping = resolve(path[:-1])
        known = _PERMISSION_KEYS[:2] if mapping.key == "permission" else ()
        return path, document.mistake(
            path,
            _said(mapping.names) or "another name",
            found=f"the name {described(path[-1])}",
            nearest=nearest(path[-1], known),
            of_key=True,
        )
    if error["type"] == "missing":
        return path, document.mistake(path, where.allowed, found="")
    allowed = str(error["ctx"]["error"]) if error["type"] == "value_error" else where.allowed
    return path, document.mistake(path, allowed, nearest=nearest(document.at(path), where.literals))


def _follows(document: Document, error: Any) -> bool:
    """A list is called too short where its items were refused: these are the mistakes."""
    if error["type"] != "too_short":
        return False
    path, _ = _path_of(error["loc"], document.data, missing=False)
    value = document.at(path)
    return isinstance(value, list | dict) and len(value) >= error["ctx"]["min_length"]


def _path_of(loc: tuple[str | int, ...], data: Any, *, missing: bool) -> tuple[KeyPath, bool]:
    """The key path of a model's error, and whether it is about the key itself.

    Between the keys pydantic puts names of its own (which branch of a union it tried); these lead
    to nothing in the data and are left out.
    """
    path: list[str | int] = []
    value, of_key = data, False
    for number, step in enumerate(loc, 1):
        if step == "[key]":
            of_key = True
        elif _holds(value, step):
            path.append(step)
            value = value[step]
        elif missing and number == len(loc) and isinstance(value, dict):
            path.append(step)
    return tuple(path), of_key


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


# --- what may stand where -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """What a key path of a scenario leads to.

    Attributes:
        key: the last key that has a name.
        types: the types that may stand there.
        metadata: what the field says beside them: its range, its words.
        names: where names stand that the author chose, what each may be.
    """

    key: str
    types: tuple[Any, ...]
    metadata: tuple[Any, ...] = ()
    names: tuple[Any, ...] = ()

    @property
    def parts(self) -> tuple[type[Part], ...]:
        """The models among the types."""
        return tuple(t for t in self.types if isinstance(t, type) and issubclass(t, Part))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are known there, in their order."""
        return tuple(key for part in self.parts for key in keys_of(part))

    @property
    def literals(self) -> tuple[str, ...]:
        """The words that may stand there."""
        return tuple(word for t in self.types if get_origin(t) is Literal for word in get_args(t))

    @property
    def allowed(self) -> str:
        """What may stand there, as a sentence."""
        if self.literals and not self.parts:
            return listing(self.literals, "or")
        if said := _said(self.metadata):
            return said
        if self.parts:
            words = f", or {listing(self.literals, 'or')}" if self.literals else ""
            one_of = [part for part in self.parts if issubclass(part, OneOf)]
            if one_of:
                choices = tuple(one_of[0].choices())
                return f"exactly one of {', '.join(choices)}, as in {{{choices[0]}: …}}{words}"
            return f"a mapping with {listing(self.keys)}{words}"
        if self.types == (dict,) or any(get_origin(t) is dict for t in self.types):
            return "a JSON Schema: a mapping, such as {type: object}"
        return "true or false" if bool in self.types else _worded(self.types, self.metadata)


def _said(metadata: tuple[Any, ...]) -> str:
    """What the field or its type says in words; what the field says comes last."""
    return next((one.words for one in reversed(metadata) if isinstance(one, Allowed)), "")


def _worded(types: tuple[Any, ...], metadata: tuple[Any, ...]) -> str:
    """The range of a number, or the length of a text."""
    least, most, above, shortest, longest = (
        next((getattr(one, name) for one in metadata if hasattr(one, name)), None)
        for name in ("ge", "le", "gt", "min_length", "max_length")
    )
    if not {int, float} & set(types):
        return "text" if longest is None else f"text of {shortest} to {longest} characters"
    number = "a number" if float in types else "a whole number"
    if above is not None:
        return f"{number} above {above}" + (f", at most {most}" if most is not None else "")
    return f"{number}, {least} or more" if most is None else f"{number} from {least} to {most}"


def keys_of(part: type[Part]) -> tuple[str, ...]:
    """The keys of a part, as written, in their order."""
    return tuple(field.alias or name for name, field in part.model_fields.items())


def resolve(path: KeyPath) -> Where:
    """What a key path leads to; nothing known below free data such as an event's schema."""
    where = Where("", (Scenario,))
    for step in path:
        where = _below(where, step)
    return where


def _below(where: Where, step: str | int) -> Where:
    found: list[tuple[Any, tuple[Any, ...]]] = []
    metadata: tuple[Any, ...] = ()
    names: tuple[Any, ...] = ()
    for one in where.types:
        if isinstance(one, type) and issubclass(one, Part):
            field = _field(one, step)
            if field is not None:
                found.extend(_flat(field.annotation))
                metadata += tuple(field.metadata)
        elif get_origin(one) is dict:
            found.extend(_flat(get_args(one)[1]))
        elif get_origin(one) is tuple:
            found.extend(_flat(get_args(one)[0]))
    for kind, _ in found:
        if get_origin(kind) is dict:
            names += tuple(extra for _, extras in _flat(get_args(kind)[0]) for extra in extras)
    inner = tuple(extra for _, extras in found for extra in extras)
    key = step if isinstance(step, str) else where.key
    return Where(str(key), tuple(kind for kind, _ in found), inner + metadata, names)


def _field(part: type[Part], key: str | int) -> FieldInfo | None:
    for name, field in part.model_fields.items():
        if (field.alias or name) == key:
            return field
    return None


def _flat(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The types of an annotation, each with what was noted at it: unions opened, null left out."""
    if get_origin(annotation) is Annotated:
        inner, *noted = get_args(annotation)
        yield from _flat(inner, (*_opened(noted), *metadata))
    elif type(annotation).__name__ in ("UnionType", "_UnionGenericAlias"):
        for inner in get_args(annotation):
            yield from _flat(inner, metadata)
    elif annotation is not type(None):
        yield annotation, metadata


def _opened(noted: list[Any]) -> Iterator[Any]:
    """The ranges in a `Field`, and all else as it is."""
    for one in noted:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)


# --- what is asked of the data itself -----------------------------------------------------------


def _parts(value: Any, where: Where, path: KeyPath) -> Iterator[tuple[KeyPath, type[Part], Any]]:
    """Every mapping of the data that a model describes, in the data's order."""
    if isinstance(value, dict):
        for part in where.parts:
            yield path, part, value
        for key, inner in value.items():
            yield from _parts(inner, _below(where, key), (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _parts(inner, _below(where, index), (*path, index))


def _choices(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Parts in which not exactly one of some keys stands."""
    for path, part, value in _parts(document.data, resolve(()), ()):
        if not issubclass(part, OneOf):
            continue
        choices = part.choices()
        # An empty value in a file is a choice that was begun; in Python None is no choice.
        given = [
            key for key in choices if key in value and (document.file or value[key] is not None)
        ]
        meant = [key for key in value if key not in keys_of(part) and nearest(key, choices)]
        if len(given) == 1 or (not given and meant):  # an unknown key is a mistake of its own
            continue
        found = listing(given) if given else "none of them"
        yield path, document.mistake(path, f"exactly one of {', '.join(choices)}", found=found)


def _empty_values(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Keys of a file without a value: forgotten, not decided. In Python None says `none`."""
    if not document.file:
        return
    for path, part, value in _parts(document.data, resolve(()), ()):
        for key, inner in value.items():
            if inner is None and key in keys_of(part) and key != "data":
                here = (*path, key)
                yield here, document.mistake(here, resolve(here).allowed, of_key=True)
