"""A hook's body as JSON: what two readers would read alike, or a reason why not."""

from __future__ import annotations

import json
from typing import Any


class NotJson(ValueError):  # noqa: N818 - a finding
    """A body that is not JSON in UTF-8, or not for every reader the same (RFC 8259, RFC 7493)."""


def read_json(body: bytes) -> Any:
    """The body's value.

    Raises:
        NotJson: with the reason, which quotes nothing of the body.
    """
    try:
        text = body.decode("utf-8-sig")
        return json.loads(text, parse_constant=_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg}, line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except NotJson:
        raise
    except ValueError:  # the interpreter's own limit, sys.get_int_max_str_digits()
        raise NotJson("a number has too many digits") from None


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is no number there")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # one reader takes the first, another the last
        raise NotJson("a key stands twice in one object")
    return found
