"""What the program imports is what pyproject.toml declares: a test's own library never becomes a run-time one unseen."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
OWN = {"sidecar", "watchers"}
# Imported inside the functions of `sidewatch demo`, which the demo extra brings.
DEMO = {"anthropic", "openai", "rich", "httpx"}


def name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported(file: Path) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it, also by `import_module("name")`."""
    text = file.read_text()
    found = set(re.findall(r'import_module\(f?"(\w+)', text))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - OWN - set(sys.stdlib_module_names)


def test_every_import_at_run_time_is_a_declared_dependency() -> None:
    declared = {name(one) for one in PROJECT["dependencies"]}
    packages = importlib.metadata.packages_distributions()
    for file in [*Path("sidecar").rglob("*.py"), *Path("watchers").rglob("*.py")]:
        if file.is_relative_to("watchers/training"):
            continue
        demo = file.is_relative_to("sidecar/demo") or file == Path("sidecar/commands/demo.py")
        for module in imported(file) - (DEMO if demo else set()):
            assert {one.lower().replace("_", "-") for one in packages.get(module, [])} & declared, (file, module)


def test_every_declared_dependency_is_imported() -> None:
    used = {module for file in Path("sidecar").rglob("*.py") for module in imported(file)}
    used |= {module for file in Path("watchers").rglob("*.py") for module in imported(file)}
    packages = importlib.metadata.packages_distributions()
    names = {one.lower().replace("_", "-") for module in used for one in packages.get(module, [])}
    assert {name(one) for one in PROJECT["dependencies"]} <= names
