"""What the source of a package calls, found by reading it: operations of AWS, and methods of the backend.

A name that two classes share counts as both of them, so what is found may be more than what is called, never less;
but for receivers that tell: ``self``, its attributes, modules, and items of what AWS has answered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import botocore.session
from botocore import xform_name

__all__ = ["Source"]

SERVICES = ["logs", "s3", "sagemaker", "sagemaker-runtime", "sts"]

# What s3transfer calls where a manager is created.
MULTIPART = {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"}
TRANSFERS = {"upload": {"PutObject", *MULTIPART}, "download": {"GetObject"}}


@cache
def operations() -> dict[str, str]:
    """All operations of the services, by the names that clients give their methods."""
    botocore_session = botocore.session.get_session()
    models = [botocore_session.get_service_model(service) for service in SERVICES]
    return {xform_name(name): name for model in models for name in model.operation_names}


class Place(NamedTuple):
    """Where something is defined; `owner` is its class, or empty."""

    module: str
    owner: str
    name: str


@dataclass
class Module:
    """What a module imports: names of modules of its package, those that it knows at all, and other modules."""

    named: set[str] = field(default_factory=set)
    near: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)


class Source:
    """The source of a package.

    Parameters
    ----------
    package : package
    """

    def __init__(self, package: ModuleType) -> None:
        self.modules: dict[str, Module] = {}
        self.definitions: dict[Place, ast.AST] = {}
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            tree = ast.parse(path.read_text())
            self.modules[path.stem] = _imports(package.__name__, path.stem, tree)
            for owner, name, node in _definitions(tree):
                self.definitions[Place(path.stem, owner, name)] = node

    def operations_of(self, owner: str, name: str) -> set[str]:
        """Return all operations that a method can come to call."""
        return {
            call for place in self.reach(owner, name) for call in self.direct(place.module, self.definitions[place])
        }

    def methods_of(self, name: str, receiver: str) -> set[str]:
        """Return all methods of a receiver, by the name that it has, that a function can come to call."""
        uses = [use for place in self.reach("", name) for use in _uses(self.definitions[place])]
        attributes = [use for use in uses if isinstance(use, ast.Attribute)]
        return {use.attr for use in attributes if receiver in (_root(use), getattr(use.value, "attr", ""))}

    def reach(self, owner: str, name: str) -> set[Place]:
        """Return all definitions that a method or function can come to use, itself included."""
        waiting = [place for place in self.definitions if place[1:] == (owner, name)]
        assert len(waiting) == 1, f"{owner}.{name}"
        found: set[Place] = set()
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += [other for use in _uses(self.definitions[place]) for other in self._resolve(place, use)]
        return found

    def direct(self, module: str, node: ast.AST) -> set[str]:
        """Return the operations that a piece of code calls or names itself."""
        found = set()
        names = set()
        for use in ast.walk(node):
            if isinstance(use, ast.Attribute) and _root(use) not in self.modules[module].other:
                names.add(use.attr)
            elif isinstance(use, ast.Constant) and isinstance(use.value, str):
                names.add(use.value)  # of a paginator
            elif isinstance(use, ast.Name) and use.id == "create_transfer_manager":
                found |= {call for name in _names_after_dots(node) & TRANSFERS.keys() for call in TRANSFERS[name]}
        return found | {operations()[name] for name in names & operations().keys()}

    def explained(self) -> Iterator[tuple[str, str, str]]:
        """Yield each operation with each step whose policy an error of it names, and where this is."""
        for place, node in self.definitions.items():
            for block in ast.walk(node):
                for item in block.items if isinstance(block, ast.With) else []:
                    call = item.context_expr
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "explaining":
                        for step in self._steps(place.module, call.args[1]):
                            for operation in self.direct(place.module, block):
                                yield operation, step, f"{place.module}.{place.name}"

    def _steps(self, module: str, argument: ast.expr) -> list[str]:
        """Return the steps that an argument of `explaining` names; none if only the run can tell."""
        if isinstance(argument, ast.Name):
            assigned = self.definitions.get(Place(module, "", argument.id))
            argument = assigned if isinstance(assigned, ast.expr) else argument
        return str(argument.value).split(" or ") if isinstance(argument, ast.Constant) else []

    def _resolve(self, place: Place, use: ast.Name | ast.Attribute) -> list[Place]:
        """Find the definitions that a name can mean."""
        if isinstance(use, ast.Name):
            return [
                other
                for other in self._near(place)
                if (other.owner, other.name) in (("", use.id), (use.id, "__init__"), (use.id, "__post_init__"))
            ]
        own = Place(place.module, place.owner, use.attr)
        if _root(use) == "self" and isinstance(use.value, ast.Name) and own in self.definitions:
            return [own]
        if _root(use) in self.modules[place.module].named:
            return [other for other in self._near(place) if other == (_root(use), "", use.attr)]
        if isinstance(use.value, ast.Subscript):
            return []
        if isinstance(use.value, ast.Attribute) and _root(use.value) == "self":
            kind = self._attributes(place).get(use.value.attr)
            if kind in {other.owner for other in self._near(place) if other.owner}:
                return [other for other in self._near(place) if other[1:] == (kind, use.attr)]
        return [other for other in self._near(place) if other.owner and other.name == use.attr]

    def _attributes(self, place: Place) -> dict[str, str]:
        """Return the classes of an object's attributes, where its ``__init__`` shows them."""
        classes = {}
        begin = self.definitions.get(Place(place.module, place.owner, "__init__"))
        if isinstance(begin, ast.FunctionDef):
            given = {argument.arg: argument.annotation for argument in begin.args.args}
            for node in ast.walk(begin):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                    value = node.value
                    kind = value.func if isinstance(value, ast.Call) else given.get(getattr(value, "id", ""))
                    if isinstance(kind, ast.Name):
                        classes[node.targets[0].attr] = kind.id
        return classes

    def _near(self, place: Place) -> list[Place]:
        near = self.modules[place.module].near
        return [other for other in self.definitions if other.module in near]


def _imports(package: str, name: str, tree: ast.Module) -> Module:
    module = Module(near={name})
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            module.named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{package}."):
            module.near.add(str(node.module).rpartition(".")[2])
        elif isinstance(node, ast.Import):
            module.other |= {alias.name for alias in node.names}
    module.near |= module.named
    return module


def _definitions(tree: ast.Module) -> Iterator[tuple[str, str, ast.AST]]:
    """Yield functions, methods and constants: the class or nothing, the name, and the code."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((node.name, item.name, item) for item in node.body if isinstance(item, ast.FunctionDef))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id != "__all__":
            yield "", node.targets[0].id, node.value


def _uses(node: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    yield from (use for use in ast.walk(node) if isinstance(use, (ast.Name, ast.Attribute)))


def _names_after_dots(node: ast.AST) -> set[str]:
    return {use.attr for use in ast.walk(node) if isinstance(use, ast.Attribute)}


def _root(use: ast.Attribute) -> str:
    """Return the name that an attribute is of; empty if it is of something else."""
    return use.value.id if isinstance(use.value, ast.Name) else ""
