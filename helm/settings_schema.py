"""Write the settings that `config` may hold into values.schema.json, from sidecar/settings.py: `python -m helm.settings_schema`.

Names alone: a mistyped key is then refused by `helm install`, and not by pods that do not start. Values stay open, because
they may be texts with units (`64MiB`) or `${NAME}`; Sidewatch checks them itself.
"""

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from sidecar.config.convert import without_none
from sidecar.settings import Settings

SCHEMA = Path(__file__).parent / "sidewatch/values.schema.json"


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a setting's type, as far as it names keys."""
    plain, _ = without_none(kind)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        fields = {field.name: schema(field.type) for field in msgspec.structs.fields(plain)}
        return {"additionalProperties": False, "properties": fields}
    inner = schema(get_args(plain)[-1]) if get_origin(plain) in (list, dict) else {}
    if not inner:
        return {}
    return {"items": inner} if get_origin(plain) is list else {"additionalProperties": inner}


def completed(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the values with the present settings in it."""
    config = {"type": "object"} | schema(Settings)
    return tree | {"properties": tree["properties"] | {"config": config}}


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(completed(json.loads(SCHEMA.read_text())), indent=2) + "\n")
