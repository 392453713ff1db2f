"""The chart's README says of every value what values.yaml says of it, and leaves none out."""

import yaml

from helm.readme import CHART, comments, leaves, readme, table


def test_the_readme_is_made_from_the_values() -> None:
    text = (CHART / "README.md").read_text()
    assert readme(text, (CHART / "values.yaml").read_text()) == text, "run python helm/readme.py"


def test_every_value_is_described() -> None:
    text = (CHART / "values.yaml").read_text()
    said = comments(text)
    silent = [
        ".".join(path)
        for path, _ in leaves(yaml.safe_load(text))
        if not any(path[:length] in said for length in range(1, len(path) + 1))
    ]
    assert silent == []


def test_a_comment_belongs_to_the_key_under_it_and_to_what_is_below() -> None:
    text = """
# not said of anything
a:
  # -- One,
  # and more | of it.
  b: 1
  c: {}
# -- All of these.
d:
  e: x
  f: []
"""
    assert table(text).splitlines()[2:] == [
        "| `a.b` | `1` | One, and more \\| of it. |",
        "| `a.c` | `{}` |  |",
        '| `d.e` | `"x"` | All of these. |',
        "| `d.f` | `[]` | All of these. |",
    ]
