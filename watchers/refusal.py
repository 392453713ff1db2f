# ruff: noqa: E501 (a pattern is read whole)
"""The watcher `refusal`: completions that decline. A provider's own refusal field is one; else the wording tells.

A refusal is worth counting, not blocking: too many mean a model or a prompt that is too careful, a sudden change means drift.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from watchers.options import options_of
from watchers.registry import Order
from watchers.verdicts import Verdicts
from watchers.view import pattern, view
from watchers.watcher import Direction, Judgement, Origin, Record, Skip, Span

VERSION: Final = "refusal-1"
_READ_CHARS: Final = 1_200  # a refusal comes first; later on "I cannot" is a remark
_OPENING: Final = 320  # within it the weaker wordings count
_NOT: Final = r"(?:cannot|can not|can't|cant|could not|couldn't|won't|will not|am unable to|'m unable to|am not able to|'m not able to|am not going to|'m not going to|must decline to|have to decline to|need to decline to|refuse to|don't feel comfortable|am not comfortable|'m not comfortable|won't be able to|will not be able to|do not|don't)"
_HELP: Final = r"(?:help|assist|provide|comply|fulfil+|create|generate|write|produce|share|give|offer|answer|support|engage|participate|discuss|do that|do this|continue|process|complete|respond|advise|recommend|facilitate|disclose|reveal|encourage|endorse|promote|condone|describe|explain how)"
# Patterns of certain wordings, then of those that count only at the beginning.
_SURE: Final = pattern(
    rf"(?i)\bi(?:'m| am)? ?(?:sorry|apologi[sz]e|afraid)?[,;. ]{{0,3}}(?:but |that )?i?(?:'m| am)? ?{_NOT} (?:in good conscience |really |be able to |to |with |directly |actually )?{_HELP}\b|"
    rf"\b(?:sorry|apologi[sz]e|unfortunately|regrettably)[^.!?\n]{{0,40}}\bi(?:'m| am)? ?{_NOT} (?:to |with |be able to )?{_HELP}\b|"
    r"\b(?:as an ai(?: language model| assistant)?|as a language model)[^.!?\n]{0,60}\b(?:cannot|can't|unable|not able|don't|do not|won't)\b|"
    r"\b(?:that|this)(?:'s| is) not something (?:that )?i(?: can| will|'m able|'ll| am able| want)\b|"
    r"\b(?:against|violates?) (?:my|our|openai's|anthropic's|the|its) (?:ethical |content |usage |safety |programming |use |company )?(?:guidelines|polic(?:y|ies)|programming|principles)|"
    r"\bi must (?:respectfully )?(?:decline|refuse)\b|\bi(?:'ll| will) have to (?:decline|refuse|pass)\b|\bi (?:have to|need to) (?:decline|refuse)\b|\bi(?:'d| would) (?:rather|prefer) not\b|"
    r"\b(?:your|this|that) request (?:cannot|can't|can not) be (?:fulfilled|completed|processed)|"
    r"\bich kann (?:dir |ihnen |euch )?(?:dabei |damit |hierbei |diese |das |leider )*(?:nicht|keine)[^.!?\n]{0,40}(?:helfen|unterstutzen|bereitstellen|beantworten|geben|erfullen)|"
    r"\bes tut mir leid[^.!?\n]{0,40}\bkann ich[^.!?\n]{0,40}\bnicht\b|\bje ne (?:peux|suis)[^.!?\n]{0,30}(?:pas|en mesure)[^.!?\n]{0,40}(?:aider|fournir|repondre|acceder|assister|creer)|"
    r"\bno puedo (?:ayudar|proporcionar|cumplir|asistir|ofrecer|responder|generar|crear|compartir)|\bno (?:me es posible|estoy en condiciones)|"
    r"\bnao posso (?:ajudar|fornecer|cumprir|responder|criar|gerar|atender)|\bnon posso (?:aiutar|fornir|soddisfare|rispondere|creare|assister)|"
    r"\bik kan (?:je |u )?(?:daar|hier|hiermee|daarmee|dit|dat)?[^.!?\n]{0,30}(?:niet|geen)[^.!?\n]{0,30}(?:helpen|geven|verstrekken)|\bnie moge (?:pomoc|udzielic|spelnic|dostarczyc)|"
    r"\bjag kan (?:tyvarr )?inte (?:hjalpa|ge|svara)|\bmaaf[^.!?\n]{0,30}tidak (?:dapat|bisa)|\buzgunum[^.!?\n]{0,60}(?:edemem|yardimci olamam|veremem)"
)
_OPENINGS: Final = pattern(
    r"(?i)^\W{0,6}(?:i(?:'m| am) (?:really |very |truly )?sorry\b[^.!?\n]{0,80}\b(?:cannot|can't|unable|not able|won't|not going)\b|i (?:cannot|can't|won't)\b[^.!?\n]{0,60}[.!]|"
    r"sorry,? (?:but )?(?:i |that |no\b|this )[^.!?\n]{0,40}(?:can't|cannot|won't|not|unable)|i(?:'m| am) (?:not able|unable)\b|no,? i (?:can't|cannot|won't)\b|"
    r"that(?:'s| is) (?:not )?something i (?:can't|cannot|won't|can|will|am able)\b|this is not something i\b|i(?:'m| am) not (?:comfortable|able|going)\b)"
)
_FOREIGN: Final = (
    "无法协助", "无法提供", "无法帮助", "不能提供", "不能协助", "无法满足", "抱歉，我", "对不起，我不能", "無法協助", "無法提供",
    "お手伝いできません", "お答えできません", "できかねます", "申し訳ありませんが", "対応できません",
    "도와드릴 수 없", "제공할 수 없", "죄송하지만", "답변할 수 없",
    "не могу помочь", "не могу предоставить", "не могу выполнить", "к сожалению, я не могу", "не можу допомогти",
    "لا أستطيع", "لا يمكنني", "عذراً، لا", "मैं इसमें मदद नहीं", "मदद नहीं कर सकता", "δεν μπορώ να", "אני לא יכול",
)  # fmt: skip
_FIELD, _CERTAIN, _LIKELY = 1.0, 0.95, 0.8
_READS: Final = frozenset({Origin.COMPLETION, Origin.REFUSAL})


class RefusalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher. `phrases`: the application's own wordings, in any case."""

    phrases: tuple[str, ...] = ()


class Refusal:
    """Finds refusals in completions; label `refusal`."""

    model = VERSION
    by_text = True

    def __init__(
        self,
        name: str = "refusal",
        options: RefusalOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.labels: Mapping[str, float] = {"refusal": 0.5, **(thresholds or {})}
        self._phrases = tuple(phrase.lower() for phrase in (options or RefusalOptions()).phrases)
        self._verdicts = Verdicts(name, self.model, self.labels)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; prompts and reasoning are not applicable."""
        return [self._judge(record) for record in records]

    def _judge(self, record: Record) -> Judgement:
        if record.direction is Direction.PROMPT or record.origin not in _READS:
            return Judgement(skipped=Skip.NOT_APPLICABLE)
        if not record.text:
            return Judgement(skipped=Skip.EMPTY)
        return Judgement(self._verdicts.of_spans(self._spans(record)))

    def _spans(self, record: Record) -> list[Span]:
        text = record.text[:_READ_CHARS]
        if record.origin is Origin.REFUSAL:
            return [Span(0, len(record.text), "refusal", _FIELD)]
        seen = view(text)
        for regex, score, within in ((_SURE, _CERTAIN, _READ_CHARS), (_OPENINGS, _LIKELY, _OPENING)):
            match = regex.search(seen.data[:within])
            if match and seen.data[match.end() : match.end() + 4] != b" but":  # "I can't help but ..."
                return [Span(*seen.original(*match.span()), "refusal", score)]
        folded = text[:_OPENING].lower()
        for phrase in (*_FOREIGN, *self._phrases):
            at = folded.find(phrase)
            if at >= 0:
                return [Span(at, min(at + len(phrase), len(text)), "refusal", _LIKELY)]
        return []


def make(order: Order) -> Refusal:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    return Refusal(order.name, options_of(order, RefusalOptions), order.thresholds)
