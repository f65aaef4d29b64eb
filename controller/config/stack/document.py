"""A CloudFormation template as YAML, with the short forms of its functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Call:
    """A function of CloudFormation, such as ``!Ref Image``."""

    function: str
    argument: Any


def ref(name: str) -> Call:
    """Return the value of a parameter, or what names a resource."""
    return Call("Ref", name)


def sub(text: str) -> Call | str:
    """Return a text in which ``${...}`` is filled in; one without any, as it is."""
    return Call("Sub", text) if "${" in text else text


def choose(condition: str, then: Any, otherwise: Any = None) -> Call:
    """Return one value or the other; by default there is none where the condition does not hold."""
    return Call("If", [condition, then, ref("AWS::NoValue") if otherwise is None else otherwise])


class _Dumper(yaml.SafeDumper):
    """Writes every use of a list anew: CloudFormation reads anchors, people do not."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)  # noqa: FBT003 - PyYAML's signature


def _represent(dumper: yaml.SafeDumper, call: Call) -> yaml.Node:
    tag = f"!{call.function}"
    if isinstance(call.argument, list):
        return dumper.represent_sequence(tag, call.argument, flow_style=False)
    return dumper.represent_scalar(tag, call.argument)


_Dumper.add_representer(Call, _represent)


def write_template(template: dict[str, Any], comments: list[str]) -> str:
    """Return the template as YAML, below lines of comment."""
    head = "".join(f"# {line}".rstrip() + "\n" for line in comments)
    body = yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=10_000, default_flow_style=False)
    return f"{head}{body}"
