"""Which tokens of a long text are read, and in which windows.

Windows overlap, so that what is cut at one edge is whole in the next window. Under a token budget the
head and the tail are read first (instructions stand there), then the middle, spread evenly.
"""

WINDOW, OVERLAP = 128, 32  # tokens; the models were trained on windows of this size
CONTENT = WINDOW - 2  # room besides [CLS] and [SEP]


def cut(tokens: int, budget: int, content: int = CONTENT, overlap: int = OVERLAP) -> list[tuple[int, int]]:
    """Windows (start, end) in token numbers, in order; all together at most about `budget` tokens, at least one window.

    Each has `content` tokens and starts `overlap` before the end of the one before it; the last is as short as what is left.
    """
    if tokens <= content:
        return [(0, tokens)] if tokens else []
    starts = list(range(0, tokens - overlap, content - overlap))
    allowed = max(1, budget // content)
    if len(starts) > allowed:
        starts = [starts[index] for index in _spread(len(starts), allowed)]
    return [(start, min(start + content, tokens)) for start in starts]


def cost(tokens: int) -> int:
    """Tokens that go through the encoder when all of a text is read: what overlaps is read twice."""
    return tokens if tokens <= CONTENT else len(range(0, tokens - OVERLAP, CONTENT - OVERLAP)) * CONTENT


def most(text: str) -> int:
    """Return what `cost` surely does not exceed, told from the characters: each token of ASCII text has one that is no space.

    For other text the same of all its characters, twice, which rare compositions and emoji alone exceed.
    """
    tokens = len(text) - text.count(" ") if text.isascii() else 2 * len(text)
    return cost(tokens)


def _spread(count: int, allowed: int) -> list[int]:
    """Indices of `allowed` of `count` windows: the first, the last, the others evenly between."""
    if allowed == 1:
        return [0]
    return sorted({round(index * (count - 1) / (allowed - 1)) for index in range(allowed)})


def unread(offsets: list[tuple[int, int]], length: int) -> int:
    """Characters of a text of `length` that no (start, end) stretch covers; stretches are in order."""
    covered, reached = 0, 0
    for start, end in offsets:
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return length - covered
