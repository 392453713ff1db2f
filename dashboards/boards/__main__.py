"""`python -m dashboards.boards` writes dashboards/json/*.json anew."""

from dashboards.boards.write import BOARDS, FOLDER, render

FOLDER.mkdir(exist_ok=True)
for name in BOARDS:
    (FOLDER / f"{name}.json").write_text(render(name))
