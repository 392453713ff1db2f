"""What is injected, as the chart rendered it: the webhook adds no idea of its own about the container.

The template is one mounted YAML file, so that the gateway, the hand-written sidecar and the injected one
come from the same definition.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

Json = dict[str, Any]


class TemplateError(Exception):
    """The template file cannot be used: the message names the file, the key and what was expected."""


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`containers` (by kind) and `volumes` are Kubernetes objects; `config` is the configuration of every sidecar."""

    kind: Literal["native", "classic"]
    containers: dict[Literal["native", "classic"], Json]
    volumes: list[Json]
    config: Json
    base_urls: dict[str, str]
    version: str
    exclude_namespaces: list[str] = []


def load_template(path: Path) -> Template:
    """Read and check the template.

    Raises TemplateError when the file is missing, is no YAML, or has another shape.
    """
    try:
        template = msgspec.convert(yaml.safe_load(path.read_text()), Template)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise TemplateError(f"{path}: {error}; expected what the chart renders into its injector ConfigMap") from error
    names = {kind: container.get("name") for kind, container in template.containers.items()}
    if names != {"native": "sidewatch", "classic": "sidewatch"}:
        raise TemplateError(f"{path}: containers are {names}, expected 'sidewatch' for both native and classic")
    return template
