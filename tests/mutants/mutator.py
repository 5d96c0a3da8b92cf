"""Small changes of a source file, each of one place: what mutation testing plants.

mutmut, which changes the engine, leaves alone what stands outside of functions, and functions with
a decorator. Here nothing is left alone but: text; annotations; assertions and `cast`, which speak
to the type checker; what only names or documents (`__slots__`, `__all__`, imports); the arguments
of decorators; and the assignment of a local name, whose loss every test notices by a crash.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_COMPARE: dict[type, tuple[str, ...]] = {
    ast.Lt: ("<=",), ast.LtE: ("<",), ast.Gt: (">=",), ast.GtE: (">",), ast.Eq: ("!=",),
    ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",),
    ast.NotIn: ("in",),
}  # fmt: skip
_BINARY: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_COMPARED: dict[str, type] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
    "is": ast.Is, "is not": ast.IsNot, "in": ast.In, "not in": ast.NotIn,
}  # fmt: skip
_OTHER = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NAMES_ALONE = ("__slots__", "__all__")
_TYPES_ALONE = ("cast", "TypeVar")
_JUDGING = ("fail", "doubt")  # what a watch of a checker says against a history


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change.

    Attributes:
        file: from the root of the repository.
        function: such as `Client.dial`; empty outside of functions.
        kind: such as `comparison`.
        first, last: the lines of the smallest statement that holds the change, from 1.
        begin, end: the bytes that are replaced.
        text: what stands there instead.
        old, new: the lines that change, without indentation.
    """

    file: str
    function: str
    kind: str
    first: int
    last: int
    begin: int
    end: int
    text: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """The source with the change in it."""
        raw = source.encode()
        return (raw[: self.begin] + self.text.encode() + raw[self.end :]).decode()


class _Finder:
    """Walks one file and collects its changes."""

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.raw = source.encode()
        self.starts = [0]
        for line in self.raw.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found: list[Mutation] = []
        self.scope: list[str] = []
        self.statement: ast.stmt | None = None
        self.inside = False  # of a function

    # --- writing one down -------------------------------------------------------------------------

    def _bytes(self, node: Any) -> tuple[int, int]:
        begin = self.starts[node.lineno - 1] + node.col_offset
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset

    def put(self, kind: str, node: Any, text: str) -> None:
        """Replace a node by a text."""
        begin, end = self._bytes(node)
        if self.raw[begin:end].decode() == text:
            return
        first = self.raw.rfind(b"\n", 0, begin) + 1
        last = self.raw.find(b"\n", end)
        last = len(self.raw) if last < 0 else last
        old = self.raw[first:last].decode()
        new = (self.raw[first:begin] + text.encode() + self.raw[end:last]).decode()
        around = self.statement or node
        stop = around.end_lineno or around.lineno
        if isinstance(around, ast.If | ast.While | ast.For | ast.With | ast.Try):
            stop = max(node.end_lineno, node.lineno)
        self.found.append(
            Mutation(
                self.file, ".".join(self.scope), kind, min(around.lineno, node.lineno), stop,
                begin, end, text, _plain(old), _plain(new),
            )
        )  # fmt: skip

    def rewrite(self, kind: str, node: ast.AST, change: Callable[[Any], None]) -> None:
        """Replace a node by a changed copy of itself."""
        new = copy.deepcopy(node)
        change(new)
        text = ast.unparse(new)
        self.put(kind, node, f"({text})" if isinstance(node, ast.expr) else text)

    # --- walking ----------------------------------------------------------------------------------

    def walk(self, node: ast.AST) -> None:
        """Changes of a node and of all below it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node)
            return
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert | ast.JoinedStr | ast.Global):
            return
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _TYPES_ALONE:
            return
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Assign | ast.AnnAssign) and self._names_alone(node):
            return
        outer = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node
        if isinstance(node, ast.expr | ast.stmt):
            self._change(node)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.walk(child)
        self.statement = outer

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.scope.append(node.name)
        outer = self.statement, self.inside
        if not isinstance(node, ast.ClassDef):
            self.inside = True
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    self.statement = None
                    self.walk(default)
        for child in node.body:
            self.walk(child)
        self.statement, self.inside = outer
        self.scope.pop()

    def _names_alone(self, node: ast.Assign | ast.AnnAssign) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        # An alias of a type: nothing at run time asks for it.
        alias = isinstance(node.value, ast.Subscript | ast.BinOp) and not self.inside
        return bool(names & set(_NAMES_ALONE)) or (
            alias
            and all(name[:1].isupper() and not name.isupper() for name in names)
            and bool(names)
        )

    # --- the changes ------------------------------------------------------------------------------

    def _change(self, node: ast.expr | ast.stmt) -> None:
        method = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)

    def _of_compare(self, node: ast.Compare) -> None:
        for place, op in enumerate(node.ops):
            for other in _COMPARE[type(op)]:

                def change(new: ast.Compare, place: int = place, other: str = other) -> None:
                    new.ops[place] = _COMPARED[other]()

                self.rewrite("comparison", node, change)

    def _of_binop(self, node: ast.BinOp) -> None:
        if type(node.op) in _BINARY and not any(_is_text(side) for side in (node.left, node.right)):

            def change(new: ast.BinOp) -> None:
                new.op = _BINARY[type(node.op)]()

            self.rewrite("arithmetic", node, change)

    def _of_boolop(self, node: ast.BoolOp) -> None:
        def other(new: ast.BoolOp) -> None:
            new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()

        self.rewrite("and, or", node, other)
        for place in range(len(node.values)):
            rest = [value for at, value in enumerate(node.values) if at != place]
            new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            self.put("operand left out", node, f"({ast.unparse(new)})")

    def _of_unaryop(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self.put("sign", node, f"({ast.unparse(node.operand)})")

    def _of_constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.put("constant", node, str(not value))
        elif isinstance(value, int | float):
            self.put("constant", node, str(value + 1))
            self.put("constant", node, f"({value - 1})")

    def _of_dict(self, node: ast.Dict) -> None:
        for place in range(len(node.keys)):

            def drop(new: ast.Dict, place: int = place) -> None:
                del new.keys[place], new.values[place]

            self.rewrite("entry left out", node, drop)
            if place:

                def swap(new: ast.Dict, place: int = place) -> None:
                    new.values[place - 1 : place + 1] = new.values[place - 1 : place + 1][::-1]

                self.rewrite("entries exchanged", node, swap)

    def _of_tuple(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and not self.inside:
            for place in range(len(node.elts)):
                self.rewrite("entry left out", node, _without("elts", place))

    _of_list = _of_set = _of_tuple

    def _of_call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", "")
        if name in _OTHER:
            self.put("function", node.func, _OTHER[name])
        for place, keyword in enumerate(node.keywords):
            if keyword.arg is not None:
                self.rewrite("argument left out", node, _without("keywords", place))
        # The order of what is compared tells nothing.
        plain = name not in ("min", "max") and not any(
            isinstance(argument, ast.Starred) for argument in node.args
        )
        if plain and len(node.args) > 1:
            self.rewrite("argument left out", node, _without("args", -1))
            for place in range(1, len(node.args)):

                def swap(new: ast.Call, at: int = place) -> None:
                    new.args[at - 1 : at + 1] = new.args[at - 1 : at + 1][::-1]

                if not all(_is_text(each) for each in node.args[place - 1 : place + 1]):
                    self.rewrite("arguments exchanged", node, swap)

    def _of_if(self, node: ast.If | ast.While | ast.IfExp) -> None:
        self.put("condition", node.test, f"(not ({ast.unparse(node.test)}))")

    _of_while = _of_ifexp = _of_if

    def _of_comprehension(self, node: ast.ListComp) -> None:
        for generator in node.generators:
            for test in generator.ifs:
                self.put("condition", test, f"(not ({ast.unparse(test)}))")

    _of_listcomp = _of_setcomp = _of_dictcomp = _of_generatorexp = _of_comprehension

    def _of_expr(self, node: ast.AST) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await | ast.Yield):
            self.put("statement", node, "pass")

    def _of_augassign(self, node: ast.AugAssign) -> None:
        self.put("statement", node, "pass")
        if type(node.op) in _BINARY and not _is_text(node.value):

            def change(new: ast.AugAssign) -> None:
                new.op = _BINARY[type(node.op)]()

            self.rewrite("arithmetic", node, change)

    def _of_assign(self, node: ast.Assign) -> None:
        if self.inside and not any(isinstance(target, ast.Name) for target in node.targets):
            self.put("statement", node, "pass")

    def _of_continue(self, node: ast.stmt) -> None:
        self.put("statement", node, "pass" if isinstance(node, ast.Break) else "break")

    _of_break = _of_continue

    def _of_raise(self, node: ast.Raise) -> None:
        self.put("statement", node, "pass")

    def _of_delete(self, node: ast.Delete) -> None:
        self.put("statement", node, "pass")

    def _of_return(self, node: ast.Return) -> None:
        if node.value is None:
            self.put("statement", node, "pass")
        elif not (isinstance(node.value, ast.Constant) and not node.value.value):
            # What is false as it stands (None, False) is so as None; False has its own change.
            self.put("result", node, "return None")


def mutations(file: str, source: str) -> list[Mutation]:
    """All small changes of a source file, in its order.

    Arguments:
        file: from the root of the repository.
        source: its text.
    """
    finder = _Finder(file, source)
    finder.walk(ast.parse(source))
    return _in_order(finder.found)


def blindings(file: str, source: str) -> list[Mutation]:
    """Each condition under which a checker speaks against a history, switched off; once each.

    A checker speaks by `fail` and `doubt`, by a method of its own that does, or by concluding that
    it fails or cannot tell. What is switched off is the innermost condition around that; where
    there is none, the call itself; and each alternative of an `or`.
    """
    finder = _Finder(file, source)
    tree = ast.parse(source)
    for cls in ast.walk(tree):
        if isinstance(cls, ast.ClassDef):
            methods = [each for each in cls.body if isinstance(each, ast.FunctionDef)]
            judging = _judging(methods)
            for method in methods:
                finder.scope = [cls.name, method.name]
                finder.inside = True
                _blind(finder, method.body, judging, None)
    return _in_order(finder.found)


def _judging(methods: list[ast.FunctionDef]) -> set[str]:
    """Names of methods that speak against a history, those included that call others that do."""
    names = set(_JUDGING)
    while True:
        more = {
            method.name
            for method in methods
            if any(_calls(node, names) for node in ast.walk(method)) and method.name != "conclude"
        }
        if more <= names:
            return names
        names |= more


def _calls(node: ast.AST, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "self"
        and node.func.attr in names
    )


def _speaks(statement: ast.stmt, names: set[str]) -> bool:
    if isinstance(statement, ast.Return):
        return any(
            isinstance(node, ast.Attribute) and node.attr in ("FAIL", "INCONCLUSIVE")
            for node in ast.walk(statement)
        )
    return isinstance(statement, ast.Expr | ast.Assign) and any(
        _calls(node, names) for node in ast.walk(statement)
    )


def _blind(finder: _Finder, body: list[ast.stmt], names: set[str], around: ast.If | None) -> None:
    for statement in body:
        finder.statement = statement
        if _speaks(statement, names):
            if around is None:
                if isinstance(statement, ast.Expr):
                    finder.put("blinded", statement, "pass")
                continue
            finder.statement = around
            test = around.test
            finder.put("blinded", test, "False")
            if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
                for place in range(len(test.values)):

                    def change(new: ast.BoolOp, place: int = place) -> None:
                        new.values[place] = ast.Constant(False)

                    finder.rewrite("blinded", test, change)
        elif isinstance(statement, ast.If):
            _blind(finder, statement.body, names, statement)
            # What stands under `else` speaks where the condition is false.
            _blind(finder, statement.orelse, names, None)
        else:
            for field in ("body", "orelse", "finalbody"):
                _blind(finder, getattr(statement, field, []), names, None)


def compiles(mutation: Mutation, source: str) -> bool:
    """Whether the changed source is one, and another one."""
    try:
        return ast.dump(ast.parse(mutation.applied(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def _in_order(found: list[Mutation]) -> list[Mutation]:
    """Each text once, in the order of the file."""
    kept = {(each.begin, each.end, each.text): each for each in found}
    return sorted(kept.values(), key=lambda one: (one.begin, one.end, one.text))


def _without(field: str, place: int) -> Callable[[Any], None]:
    def change(new: Any) -> None:
        del getattr(new, field)[place]

    return change


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())
