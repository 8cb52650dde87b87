"""What the source of some packages calls, found by reading it: operations of AWS, and methods of the backend.

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

# What s3transfer calls for the functions of fasttrees._aws.transfers.
MULTIPART = {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"}
TRANSFERS = {"transfers.upload": {"PutObject", *MULTIPART}, "transfers.download": {"GetObject"}}


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
    """What a module imports: modules of the packages by their names in it, those that it knows at all, and others."""

    named: dict[str, str] = field(default_factory=dict)
    near: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)
    bases: set[str] = field(default_factory=set)


class Source:
    """The source of some packages; modules are named in full, such as ``fasttrees._aws.objects``."""

    def __init__(self, *packages: ModuleType) -> None:
        self.modules: dict[str, Module] = {}
        self.definitions: dict[Place, ast.AST] = {}
        self.bases: dict[str, set[str]] = {}
        names = [package.__name__ for package in packages]
        for package in packages:
            for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
                tree, module = ast.parse(path.read_text()), f"{package.__name__}.{path.stem}"
                self.modules[module] = _imports(names, module, tree)
                for owner, name, node in _definitions(tree):
                    self.definitions[Place(module, owner, name)] = node
                for node in ast.walk(tree):
                    if isinstance(node, ast.ClassDef):
                        self.bases.setdefault(node.name, set()).update(map(_name, node.bases))

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
            if isinstance(use, ast.Attribute) and f"{_root(use)}.{use.attr}" in TRANSFERS:
                found |= TRANSFERS[f"{_root(use)}.{use.attr}"]
            elif isinstance(use, ast.Attribute) and _root(use) not in self.modules[module].other:
                names.add(use.attr)
            elif isinstance(use, ast.Constant) and isinstance(use.value, str):
                names.add(use.value)  # of a paginator
        return found | {operations()[name] for name in names & operations().keys()}

    def explained(self) -> Iterator[tuple[str, str, str]]:
        """Yield each operation with each step whose policy an error of it names, and where this is."""
        for place, node in self.definitions.items():
            for block in ast.walk(node):
                for item in block.items if isinstance(block, ast.With) else []:
                    call = item.context_expr
                    if isinstance(call, ast.Call) and _name(call.func) == "explaining":
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
            module = self.modules[place.module].named[_root(use)]
            return [other for other in self._near(place) if other == (module, "", use.attr)]
        if isinstance(use.value, ast.Subscript):
            return []
        if isinstance(use.value, ast.Attribute) and _root(use.value) == "self":
            kind = self._attributes(place).get(use.value.attr)
            if kind in {other.owner for other in self._near(place) if other.owner}:
                kinds = {kind, *self.bases.get(kind, ())}
                return [other for other in self._near(place) if other.name == use.attr and other.owner in kinds]
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
        """Return the definitions of the modules that a module imports, and of those that hold their base classes."""
        near = self.modules[place.module].near
        inherited = {base for name in near if name in self.modules for base in self.modules[name].bases}
        return [other for other in self.definitions if other.module in near | inherited]


def _imports(packages: list[str], name: str, tree: ast.Module) -> Module:
    module = Module(near={name})
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in packages:
            module.named |= {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and str(node.module).rpartition(".")[0] in packages:
            module.near.add(str(node.module))
        elif isinstance(node, ast.Import):
            module.other |= {alias.name for alias in node.names}
    module.near |= set(module.named.values())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bases = {name for node in classes for base in node.bases for name in _roots(base)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in bases:
                    module.bases |= {str(node.module), f"{node.module}.{alias.name}"} & module.near
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


def _name(function: ast.expr) -> str:
    """Return the name of a function or method that is called; empty if it has none."""
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _roots(node: ast.expr) -> set[str]:
    """Return the names that a base class is imported by: its own, or its module's."""
    return {use.id for use in ast.walk(node) if isinstance(use, ast.Name)}


def _root(use: ast.Attribute) -> str:
    """Return the name that an attribute is of; empty if it is of something else."""
    return use.value.id if isinstance(use.value, ast.Name) else ""
