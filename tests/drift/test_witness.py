"""The learned score: fair while nothing changes, sharp once something did."""

import numpy as np
from scipy import stats

from watchers.drift.scores import fit_map
from watchers.drift.witness import BAG, WITNESSES, Witness, novelty


def made(seed: int, rows: int = 200) -> tuple[Witness, np.random.Generator]:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((rows, 12)).astype(np.float32)
    return Witness(fit_map(drawn[::2], rng), drawn[::2], drawn[1::2]), rng


def feed(witness: Witness, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    found = []
    for start in range(0, len(rows), 8):
        run = rows[start : start + 8].astype(np.float32)
        p, judged = witness.update(
            run, novelty(rng.random(len(run))), rng.random((len(run), len(WITNESSES) + 2)), keep=True
        )
        found.append(p[judged])
    return np.concatenate(found)


def test_p_values_stay_uniform_past_the_bags_size() -> None:
    witness, rng = made(0)
    p = feed(witness, rng, rng.standard_normal((6000, 12)))
    assert witness.size == BAG
    assert [stats.kstest(column, "uniform").pvalue > 0.01 for column in p.T] == [True] * len(WITNESSES)


def test_a_new_cluster_ranks_at_the_top_once_learned() -> None:
    witness, rng = made(1)
    feed(witness, rng, rng.standard_normal((200, 12)))
    rows = rng.standard_normal((200, 12))
    rows[:, 3] += 5.0
    assert np.median(feed(witness, rng, rows)[-40:, 0]) < 0.25


def test_one_prompt_repeated_ties_with_itself() -> None:
    rng = np.random.default_rng(2)
    same = np.repeat(rng.standard_normal((1, 12)), 400, 0).astype(np.float32)
    witness = Witness(fit_map(same[:100], rng), same[:100], same[100:200])
    assert stats.kstest(feed(witness, rng, same)[:, 0], "uniform").pvalue > 0.01


def test_a_rare_new_cluster_is_learned_from_what_is_unusual() -> None:
    witness, rng = made(3, 600)
    feed(witness, rng, rng.standard_normal((200, 12)))
    rows = rng.standard_normal((300, 12)).astype(np.float32)
    rare = rng.random(300) < 0.1
    rows[rare, 3] += 6.0
    for start in range(0, 300, 6):
        unusual = novelty(np.where(rare[start : start + 6], 0.01, rng.random(6)))
        witness.update(rows[start : start + 6], unusual, rng.random((6, len(WITNESSES) + 2)), keep=True)
    toward = witness.functions[:, 3] / np.linalg.norm(witness.functions, axis=1)
    assert toward[WITNESSES.index("novelty")] > 0.9
    assert toward[WITNESSES.index("novelty")] > toward[WITNESSES.index("witness_fast")]
