"""Compiles a ladder to one straight-line function, as dialects are compiled: a rung costs its comparison, not a call.

`switch.rules.rulebook.climb` says what climbing is; what is compiled here does just that, from the rules' own source.
A rule that is no more than conditions, names and returns is written out in place; any other one is called. So is one
whose source is not what runs: it is read when the ladder is worth it, and its file may have been changed since.
"""

from __future__ import annotations
import __future__

import ast
import builtins
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, cast

from switch.decisions import Facts, Refusal, Trace
from switch.messages.model import Request
from switch.rules.rule import NOT_ASKED, Ladder, Policy, Rule
from switch.rules.rulebook import climb

Climb = Callable[[Request, Facts, Policy], tuple[Trace, Refusal | None]]

WORTH_COMPILING: Final = 256
"""Climbs of a ladder before it is compiled: a command that decides a few requests does not wait for it."""

_PARAMETERS: Final = ("request", "facts", "policy")
_PLAIN: Final = (ast.Assign, ast.AnnAssign, ast.If, ast.Return)


class Climber:
    """Climbs one ladder, and compiles it once that has been done often: it takes as long as thousands of climbs."""

    __slots__ = ("_ladder", "_times", "climb")

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._times = 0
        self.climb: Climb = self._climb_and_count

    def _climb_and_count(self, request: Request, facts: Facts, policy: Policy) -> tuple[Trace, Refusal | None]:
        self._times += 1
        if self._times == WORTH_COMPILING:
            self.climb = compiled(self._ladder)
        return climb(self._ladder, request, facts, policy)


@cache
def compiled(ladder: Ladder) -> Climb:
    """Return the function that climbs this ladder."""
    names: dict[str, Any] = {"NOT_ASKED": NOT_ASKED}
    sources = _Sources()
    body: list[ast.stmt] = []
    for place, rule in enumerate(ladder):
        body += _Rung(rule, place, names, sources).written()
    function = _parsed("def climb(request, facts, policy):\n    trace = []\n    add = trace.append")
    function.body += [*body, *_statements("return tuple(trace), None")]
    module = ast.fix_missing_locations(ast.Module([function], type_ignores=[]))
    exec(compile(module, "<compiled ladder>", "exec"), names)  # noqa: S102 - the program's own rules, no input
    return cast("Climb", names["climb"])


class _Sources:
    """Finds what functions were written as, in files that may be another version's by now."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, ast.FunctionDef]] = {}

    def of(self, function: object) -> ast.FunctionDef | None:
        """Return the definition that this very function was made from; None where there is none to be found."""
        if not isinstance(function, FunctionType) or function.__closure__ or hasattr(function, "__wrapped__"):
            return None
        path = function.__code__.co_filename
        if path not in self._files:
            self._files[path] = _definitions(path)
        found = self._files[path].get(function.__name__)
        return found if found is not None and _code_of(found) == _unplaced(function.__code__) else None


def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    try:
        module = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def _code_of(definition: ast.FunctionDef) -> CodeType | None:
    """Return what a definition comes to, in a module whose annotations are not evaluated."""
    module = ast.Module([definition], type_ignores=[])
    code = compile(module, "", "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    made = (const for const in code.co_consts if isinstance(const, CodeType) and const.co_name == definition.name)
    return next(map(_unplaced, made), None)


def _unplaced(code: CodeType) -> CodeType:
    """Return code as it would be on whatever line of whatever file."""
    consts = tuple(_unplaced(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    return code.replace(co_consts=consts, co_filename="", co_firstlineno=1, co_linetable=b"")


class _Rung:
    """Writes one rule; ``names`` takes in what its words mean in the compiled function."""

    def __init__(self, rule: Rule, place: int, names: dict[str, Any], sources: _Sources) -> None:
        self._rule = rule
        self._place = place
        self._names = names
        self._source = sources.of(rule.check)

    def written(self) -> list[ast.stmt]:
        """The rule's statements, none of which returns unless it refuses; a call where it is more than plain."""
        source = self._source
        if source is None or not _takes_three(source.args):
            return self._called()
        body = deepcopy(source.body[1:] if ast.get_docstring(source) is not None else source.body)
        parameters = {argument.arg: own for argument, own in zip(source.args.args, _PARAMETERS, strict=True)}
        variables = {node.id for node in _nodes(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        if not all(map(_is_plain, _nodes(body))) or not _ends(body) or not variables.isdisjoint(parameters):
            return self._called()
        own = {**parameters, **{name: f"{name}_{self._place}" for name in variables}}
        renamed = _Renamed(own, cast("FunctionType", self._rule.check).__globals__, self._names)
        return self._unreturned([renamed.visit(statement) for statement in body])

    def _called(self) -> list[ast.stmt]:
        """The rule as it is, asked like any other function."""
        self._names[f"check_{self._place}"] = self._rule.check
        return [*_statements(f"found = check_{self._place}(request, facts, policy)"), *self._judged()]

    def _judged(self) -> list[ast.stmt]:
        """What is done with a verdict that may be any: as in `switch.rules.rulebook.climb`."""
        name = self._rule.name
        return _statements(
            "if found is not NOT_ASKED:\n"
            "    value, limit, refusal = found\n"
            "    if refusal is not None:\n"
            f"        add(({name!r}, value, limit, False))\n"
            "        return tuple(trace), refusal\n"
            f"    add(({name!r}, value, limit, True))"
        )

    # --- returns -------------------------------------------------------------------------------------------

    def _unreturned(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The same with what follows a condition that may return moved to where it does not."""
        written: list[ast.stmt] = []
        for place, statement in enumerate(statements):
            rest = statements[place + 1 :]
            if isinstance(statement, ast.Return):
                return [*written, *self._verdict(statement.value)]
            if isinstance(statement, ast.If) and _may_return(statement):
                then = statement.body if _ends(statement.body) else [*statement.body, *deepcopy(rest)]
                other = statement.orelse if _ends(statement.orelse) else [*statement.orelse, *rest]
                return [*written, self._either(statement.test, self._unreturned(then), self._unreturned(other))]
            written.append(statement)
        return written

    def _either(self, test: ast.expr, then: list[ast.stmt], other: list[ast.stmt]) -> ast.stmt:
        return ast.If(test, then or [ast.Pass()], other)

    def _verdict(self, value: ast.expr | None) -> list[ast.stmt]:
        """What is done in place of returning a verdict."""
        match value:
            case ast.IfExp(test, then, other):
                return [self._either(test, self._verdict(then), self._verdict(other))]
            case ast.Name(name) if self._names.get(name) is NOT_ASKED:
                return []
            case ast.Tuple([found, limit, ast.Constant(None)]):
                check = ast.Tuple([ast.Constant(self._rule.name), found, limit, ast.Constant(value=True)], ast.Load())
                return [ast.Expr(ast.Call(ast.Name("add", ast.Load()), [check], []))]
        verdict = ast.Constant(None) if value is None else value  # which is none, here as where the ladder is climbed
        return [ast.Assign([ast.Name("found", ast.Store())], verdict), *self._judged()]


class _Renamed(ast.NodeTransformer):
    """Gives every name of a rule its ``own``; ``names`` takes in what those mean that are ``known`` to its module."""

    def __init__(self, own: dict[str, str], known: dict[str, Any], names: dict[str, Any]) -> None:
        self._own = own
        self._known = known
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._own.get(node.id) or self._shared(node.id), node.ctx)

    def _shared(self, name: str) -> str:
        if name not in self._known and hasattr(builtins, name):
            return name
        shared = f"{name}_of_{self._known['__name__'].replace('.', '_')}"
        self._names[shared] = self._known[name]
        return shared


def _nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)


def _takes_three(args: ast.arguments) -> bool:
    """Whether a function takes what every rule is asked with, and nothing else."""
    others = (*args.posonlyargs, *args.kwonlyargs, *args.defaults, args.vararg, args.kwarg)
    return len(args.args) == len(_PARAMETERS) and not any(others)


def _is_plain(node: ast.AST) -> bool:
    """Whether a rule with this in it can be written out in place: names of a comprehension's are its own."""
    return isinstance(node, _PLAIN) or not isinstance(node, (ast.stmt, ast.Lambda, ast.NamedExpr, ast.comprehension))


def _may_return(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return) for node in ast.walk(statement))


def _ends(statements: list[ast.stmt]) -> bool:
    """Whether the end of these statements is never reached."""
    if not statements:
        return False
    last = statements[-1]
    return isinstance(last, ast.Return) or (isinstance(last, ast.If) and _ends(last.body) and _ends(last.orelse))


def _parsed(source: str) -> ast.FunctionDef:
    match ast.parse(source).body:
        case [ast.FunctionDef() as function]:
            return function
    raise SyntaxError("a rule is a function")


def _statements(source: str) -> list[ast.stmt]:
    """Statements of a function's body, which may return."""
    return _parsed("def f():\n" + "\n".join(f"    {line}" for line in source.splitlines())).body
