"""The page of settings says what the code says."""

from pathlib import Path

from sidecar.config.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_made_from_the_settings() -> None:
    message = "run: python -m sidecar.config.reference > docs/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), message


def test_every_setting_is_on_it_with_its_comment() -> None:
    page = reference()
    assert "| `queue_bytes` | whole number of at least 0 | `33554432` | waiting for the observer;" in page
    assert '| `listen` | text | `"127.0.0.1:8080"` | ⟳' in page
    assert "## routes[].tls" in page
    assert '| `text` | `masked` or `none` or `raw` | `"masked"` |' in page
