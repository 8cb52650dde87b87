"""The IAM policies of docs/reference/aws, read, filled in, and written into the CloudFormation template.

``python -m tests.support.aws.policies`` renews the template's policies after a change in docs/reference/aws/policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.paths import DOCS

__all__ = ["STEPS", "TEMPLATE", "actions", "read", "statements", "with_policies"]

STEPS = ["upload", "train", "deploy", "invoke", "transform", "cleanup"]
AWS = DOCS / "reference" / "aws"
TEMPLATE = AWS / "fasttrees.yaml"
SECTION = re.compile(r"(?<=# generated: begin\n).*(?=  # generated: end\n)", re.DOTALL)

WIDTH = 120
WORD = re.compile(r"[^A-Za-z]|^(true|false|yes|no)$")  # what YAML would not take for a plain text

# The template has a bucket, so nobody else need create it, and nobody else may delete it.
OF_THE_STACK = {"CreateBucket", "DeleteBucket"}
NAMES = {"${Region}": "${AWS::Region}", "${Account}": "${AWS::AccountId}", "arn:aws:": "arn:${AWS::Partition}:"}


def read(step: str, **values: str) -> dict[str, Any]:
    """Read a step's policy; `values` take the places of ``${Name}``."""
    text = (AWS / "policies" / f"{step}.json").read_text()
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    policy: dict[str, Any] = json.loads(text)
    return policy


def statements(step: str) -> list[dict[str, Any]]:
    """Return the statements of a step's policy."""
    return list(read(step)["Statement"])


def actions(step: str) -> set[str]:
    """Return all actions that a step's policy names."""
    return {action for statement in statements(step) for action in as_list(statement["Action"])}


def as_list(value: str | list[str]) -> list[str]:
    """Return IAM's lists, which may be written as their only element."""
    return [value] if isinstance(value, str) else value


def with_policies(template: str) -> str:
    """Return the template's text with policies as docs/reference/aws/policies has them."""
    section = "".join(f"{line}\n" for step in STEPS for line in _resource(step))
    return SECTION.sub(lambda _: section, template)


def _resource(step: str) -> Iterator[str]:
    """Write a step's policy as a resource of the template."""
    yield f"  {step.title()}Policy:"
    yield "    Type: AWS::IAM::ManagedPolicy"
    yield "    Properties:"
    yield f'      Description: !Sub "fasttrees pipeline ${{Project}}: {step}"'
    yield "      PolicyDocument:"
    yield '        Version: "2012-10-17"'
    yield "        Statement:"
    for statement in statements(step):
        if statement["Sid"] in OF_THE_STACK:
            continue
        if "${KmsKey}" in json.dumps(statement):
            yield "          - !If"
            yield "            - UseKmsKey"
            yield from _block(statement, 12, "- ")
            yield "            - !Ref AWS::NoValue"
        else:
            yield from _block(statement, 10, "- ")


def _block(value: Mapping[str, Any], column: int, mark: str = "") -> Iterator[str]:
    """Write a mapping: each key in a line if it fits, else in a block."""
    for key, item in value.items():
        begin = f"{' ' * column}{mark}{json.dumps(key) if ':' in key else key}:"
        mark = " " * len(mark)
        if len(line := f"{begin} {_flow(item)}") <= WIDTH or isinstance(item, str):
            yield line
        else:
            yield begin
            inner = column + len(mark) + 2
            yield from (
                _block(item, inner) if isinstance(item, Mapping) else (f"{' ' * inner}- {_flow(one)}" for one in item)
            )


def _flow(value: Any) -> str:
    """Write a value in a line, the placeholders as the template names them."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    for name, other in NAMES.items():
        value = value.replace(name, other)
    return f"{'!Sub ' if '${' in value else ''}{json.dumps(value) if WORD.search(value) else value}"


if __name__ == "__main__":
    TEMPLATE.write_text(with_policies(TEMPLATE.read_text()))
