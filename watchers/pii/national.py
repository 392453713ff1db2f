"""Numbers that states give to people: a shape, a checksum and the words around, one row a document.

Checksums are python-stdnum's where it knows the number. A row with `alone` 0.0 is a finding only near a word of its topic; a
shape that its checksum or its form makes unmistakable counts alone. Rows of a country can be switched off by its code.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from watchers.pii.page import Finding, Page
from watchers.view import pattern

Check = Callable[[str], bool]

Row = tuple["Kind", Any, Check]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of number. `stdnum`: the module that checks it, "" for none; `announced` scores it near its topic."""

    label: str
    country: str
    shape: str
    topic: str
    stdnum: str = ""
    alone: float = 0.0
    announced: float = 0.95


_S: Final = "[ .-]?"
KINDS: Final = (
    Kind("US_SSN", "US", r"\d{3}[ .-]\d{2}[ .-]\d{4}", "us_ssn", "us.ssn", 0.85, 0.98),
    Kind("US_SSN", "US", r"\d{9}", "us_ssn", "us.ssn"),
    Kind("US_ITIN", "US", r"9\d{2}[ -]?\d{2}[ -]?\d{4}", "us_itin", "us.itin"),
    Kind("US_ITIN", "US", r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}", "us_itin", "us.itin", 0.8),
    Kind("US_EIN", "US", r"\d{2}-\d{7}", "us_ein", "us.ein", 0.0, 0.9),
    Kind("US_NPI", "US", r"[12]\d{9}", "npi", "npi"),
    Kind("US_DEA", "US", r"[A-HJ-NPRSTUX][A-Z9]\d{7}", "dea", "dea", 0.6),
    Kind("UK_NHS", "GB", r"\d{3}[ -]?\d{3}[ -]?\d{4}", "uk_nhs", "gb.nhs"),
    Kind(
        "UK_NINO",
        "GB",
        r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?-?\d{2} ?-?\d{2} ?-?\d{2} ?-?(?i:[A-D])",
        "uk_nino",
        "nino",
        0.75,
    ),
    Kind("UK_UTR", "GB", r"\d{5} ?\d{5}", "uk_utr", "gb.utr"),
    Kind("IN_AADHAAR", "IN", r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", "in_aadhaar", "in_.aadhaar", 0.7),
    Kind("IN_AADHAAR", "IN", r"[2-9]\d{11}", "in_aadhaar", "in_.aadhaar"),
    Kind("IN_PAN", "IN", r"(?i:[A-Z]{3}[ABCFGHJLPT][A-Z])\d{4}(?i:[A-Z])", "in_pan", "in_.pan", 0.0),
    Kind("IN_PAN", "IN", r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", "in_pan", "in_.pan", 0.65),
    Kind("BR_CPF", "BR", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br_cpf", "br.cpf", 0.95),
    Kind("BR_CPF", "BR", r"\d{9}-?\d{2}", "br_cpf", "br.cpf"),
    Kind("ES_NIF", "ES", rf"\d{{2}}{_S}\d{{3}}{_S}\d{{3}}{_S}(?i:[A-Z])", "es_nif", "es.dni", 0.8),
    Kind("ES_NIE", "ES", rf"(?i:[XYZ]){_S}\d{{7}}{_S}(?i:[A-Z])", "es_nif", "es.nie", 0.85),
    Kind(
        "IT_FISCAL_CODE",
        "IT",
        r"(?i:[A-Z]{6})[0-9LMNP-Vlmnp-v]{2}(?i:[A-EHLMPRST])[0-9LMNP-Vlmnp-v]{2}(?i:[A-Z])[0-9LMNP-Vlmnp-v]{3}(?i:[A-Z])",
        "it_fiscal",
        "it.codicefiscale",
        0.95,
    ),
    Kind("NL_BSN", "NL", rf"\d{{3}}{_S}\d{{3}}{_S}\d{{3}}|\d{{4}}{_S}\d{{2}}{_S}\d{{3}}", "nl_bsn", "nl.bsn"),
    Kind("FR_NIR", "FR", r"[12378] ?\d{2} ?\d{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}", "fr_nir", "fr.nir", 0.85),
    Kind("PL_PESEL", "PL", r"\d{11}", "pl_pesel", "pl.pesel"),
    Kind("CA_SIN", "CA", r"\d{3}[ -]?\d{3}[ -]?\d{3}", "ca_sin", "ca.sin"),
    Kind("AU_TFN", "AU", r"\d{3}[ -]?\d{3}[ -]?\d{2,3}", "au_tfn", "au.tfn"),
    Kind("AU_MEDICARE", "AU", r"[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?", "au_medicare", "medicare"),
    Kind("DE_TAX_ID", "DE", r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}|\d{11}", "de_tax", "de.idnr"),
    Kind("DE_TAX_ID", "DE", r"\d{2,3}/\d{3,4}/\d{4,5}", "de_tax", ""),
    Kind("DE_SOCIAL_SECURITY", "DE", r"\d{2} ?\d{6} ?(?i:[A-Z]) ?\d{3}", "de_social", "", 0.0, 0.9),
    Kind("AT_SVNR", "AT", r"\d{4} ?\d{6}", "at_svnr", "at.vnr"),
    Kind("SE_PERSONNUMMER", "SE", r"(?:19|20)?\d{6}[-+]\d{4}", "se_pnr", "se.personnummer", 0.8),
    Kind("SE_PERSONNUMMER", "SE", r"(?:19|20)?\d{10}", "se_pnr", "se.personnummer"),
    Kind("FI_HETU", "FI", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]", "fi_hetu", "fi.hetu", 0.9),
    Kind("DK_CPR", "DK", r"\d{6}[ -]?\d{4}", "dk_cpr", "dk.cpr"),
    Kind("NO_FODSELSNUMMER", "NO", r"\d{6} ?\d{5}", "no_fnr", "no.fodselsnummer"),
    Kind("CH_AHV", "CH", r"756[. -]?\d{4}[. -]?\d{4}[. -]?\d{2}", "ch_ahv", "ch.ssn", 0.95),
    Kind("BE_NATIONAL_NUMBER", "BE", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", "be_nn", "be.nn", 0.95),
    Kind("BE_NATIONAL_NUMBER", "BE", r"\d{6}[ -]?\d{3}[ -]?\d{2}", "be_nn", "be.nn"),
    Kind("PT_NIF", "PT", r"[1-35689]\d{2}[ .]?\d{3}[ .]?\d{3}", "pt_nif", "pt.nif"),
    Kind("IE_PPS", "IE", r"\d{7}(?i:[A-W][A-IW]?)", "ie_pps", "ie.pps", 0.0),
    Kind("RO_CNP", "RO", r"[1-9]\d{12}", "ro_cnp", "ro.cnp"),
    Kind("CZ_RODNE_CISLO", "CZ", r"\d{6}/\d{3,4}", "cz_rc", "cz.rc", 0.7),
    Kind("BG_EGN", "BG", r"\d{10}", "bg_egn", "bg.egn"),
    Kind("HR_OIB", "HR", r"\d{11}", "hr_oib", "hr.oib"),
    Kind("GR_AMKA", "GR", r"\d{11}", "gr_amka", "gr.amka"),
    Kind("EE_ISIKUKOOD", "EE", r"[1-8]\d{10}", "ee_ik", "ee.ik"),
    Kind("LT_ASMENS_KODAS", "LT", r"[1-9]\d{10}", "lt_ak", "lt.asmens"),
    Kind("LV_PERSONAS_KODS", "LV", r"\d{6}-?\d{5}", "lv_pk", ""),
    Kind("IS_KENNITALA", "IS", r"\d{6}-?\d{4}", "is_kt", "is_.kennitala"),
    Kind("SI_EMSO", "SI", r"\d{13}", "si_emso", "si.emso"),
    Kind("HU_TAJ", "HU", r"\d{3}[ -]?\d{3}[ -]?\d{3}|8\d{9}", "hu_taj", ""),
    Kind("CN_RESIDENT_ID", "CN", r"[1-9]\d{5}(?:19|20)\d{2}[01]\d[0-3]\d{4}[0-9Xx]", "cn_ric", "cn.ric", 0.95),
    Kind("KR_RRN", "KR", r"\d{2}[01]\d[0-3]\d-[1-8]\d{6}", "kr_rrn", "", 0.85),
    Kind("JP_MY_NUMBER", "JP", r"\d{4}[ -]?\d{4}[ -]?\d{4}", "jp_my", "jp.in_"),
    Kind("TW_ID", "TW", r"[A-Z][1289]\d{8}", "tw_id", "tw_id", 0.0),
    Kind("HK_ID", "HK", r"[A-Z]{1,2}\d{6}\([0-9A]\)", "hk_id", "hkid", 0.8),
    Kind("SG_NRIC_FIN", "SG", r"[STFGMstfgm]\d{7}[A-Za-z]", "sg_nric", "nric", 0.8),
    Kind("MY_NRIC", "MY", r"\d{6}-\d{2}-\d{4}", "my_nric", "my.nric", 0.75),
    Kind("MY_NRIC", "MY", r"\d{12}", "my_nric", "my.nric"),
    Kind("TH_PIN", "TH", r"\d-\d{4}-\d{5}-\d{2}-\d", "th_pin", "th.pin", 0.9),
    Kind("TH_PIN", "TH", r"\d{13}", "th_pin", "th.pin"),
    Kind("ID_NIK", "ID", r"[1-9]\d{5}[0-7]\d[01]\d\d{6}", "id_nik", "id.nik"),
    Kind("PK_CNIC", "PK", r"\d{5}-\d{7}-\d", "pk_cnic", "pk.cnic", 0.8),
    Kind("ZA_ID", "ZA", r"\d{6} ?\d{4} ?[01]\d{2}", "za_id", "za.idnr"),
    Kind("IL_ID", "IL", r"\d{9}", "il_id", "il.idnr"),
    Kind("TR_TCKIMLIK", "TR", r"[1-9]\d{10}", "tr_tc", "tr.tckimlik"),
    Kind(
        "MX_CURP",
        "MX",
        r"(?i:[A-Z]{4})\d{6}(?i:[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z0-9])\d",
        "mx_curp",
        "mx.curp",
        0.95,
    ),
    Kind("MX_RFC", "MX", r"[A-Z]{4}\d{6}[A-Z0-9]{3}", "mx_rfc", "mx.rfc", 0.0),
    Kind("AR_DNI", "AR", r"\d{1,2}\.?\d{3}\.?\d{3}", "ar_dni", "", 0.0, 0.7),
    Kind("AR_CUIL", "AR", r"(?:20|23|24|27)-\d{8}-\d", "ar_dni", "ar.cuit", 0.9),
    Kind("CL_RUT", "CL", r"\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]", "cl_rut", "cl.rut", 0.95),
    Kind("CL_RUT", "CL", r"\d{7,8}-[0-9Kk]", "cl_rut", "cl.rut"),
    Kind("CO_CEDULA", "CO", r"\d{1,3}(?:\.\d{3}){2,3}|\d{8,10}", "co_cc", "", 0.0, 0.7),
    Kind("EC_CEDULA", "EC", r"\d{10}", "ec_ci", "ec.ci"),
    Kind("RU_INN", "RU", r"\d{12}", "ru_inn", "ru.inn"),
    Kind("RU_SNILS", "RU", r"\d{3}-\d{3}-\d{3} \d{2}", "ru_inn", "snils", 0.85),
    Kind("UA_RNOKPP", "UA", r"\d{10}", "ua_tin", "ua.rntrc"),
)
LABELS: Final = tuple(dict.fromkeys(kind.label for kind in KINDS))
_MIN_DIGITS: Final = 4  # of an Indian PAN


class NationalIds:
    """Finds the numbers of every country, or of all but `without` (ISO 3166 codes)."""

    def __init__(self, without: Collection[str] = ()) -> None:
        kinds = [kind for kind in KINDS if kind.country not in without]
        rows = [(kind, pattern(rf"\b(?:{kind.shape})"), _check(kind)) for kind in kinds]
        self._sure = [row for row in rows if row[0].alone]
        self._by_topic: dict[str, list[Row]] = {}
        for row in rows:
            self._by_topic.setdefault(row[0].topic, []).append(row)
        # One pass tells whether any shape that counts alone is there at all.
        shapes = "|".join(f"(?:{kind.shape})" for kind in kinds if kind.alone)
        self._alone = pattern(rf"\b(?:{shapes})")

    def find(self, page: Page) -> Iterator[Finding]:
        if page.digits < _MIN_DIGITS:
            return
        any_alone = (page.numeric or page.long_token) and self._alone.search(page.data) is not None
        rows = list(self._sure) if any_alone else []
        for topic in page.topics:
            rows += [row for row in self._by_topic.get(topic, ()) if not (any_alone and row[0].alone)]
        for kind, shape, check in rows:
            yield from _find(page, kind, shape, check)


def _find(page: Page, kind: Kind, shape: Any, check: Check) -> Iterator[Finding]:
    for start, end in page.matches(shape):
        if not page.isolated(start, end):
            continue
        announced = page.near(kind.topic, start, end)
        score = kind.announced if announced else kind.alone
        if score and check(page.text(start, end).replace(" ", "").replace(".", "")):
            yield Finding(start, end, kind.label, score)


def _check(kind: Kind) -> Check:
    if kind.stdnum in _OWN:
        return _OWN[kind.stdnum]
    valid: Check = import_module(f"stdnum.{kind.stdnum}").is_valid
    return valid


def _letters(text: str) -> str:
    return "".join(char for char in text.upper() if char.isalnum())


def _npi(text: str) -> bool:
    """Luhn over the number with the prefix 80840 (ISO 7812 issuer of health identifiers)."""
    return bool(import_module("stdnum.luhn").is_valid("80840" + text))


def _dea(text: str) -> bool:
    digits = [int(char) for char in text[2:]]
    return (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def _nino(text: str) -> bool:
    return _letters(text)[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _medicare(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    return sum(w * d for w, d in zip((1, 3, 7, 9, 1, 3, 7, 9), digits, strict=False)) % 10 == digits[8]


def _nric(text: str) -> bool:
    """Singapore: weights 2 7 6 5 4 3 2; the letter's alphabet depends on the series."""
    text = text.upper()
    total = sum(w * int(char) for w, char in zip((2, 7, 6, 5, 4, 3, 2), text[1:8], strict=True))
    total += {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[text[0]]
    if text[0] == "M":
        return "KLJNPQRTUWX"[10 - total % 11] == text[8]
    return {"S": "JZIHGFEDCBA", "F": "XWUTRQPNMLK"}["S" if text[0] in "ST" else "F"][total % 11] == text[8]


def _hkid(text: str) -> bool:
    body, check = text[:-3], text[-2]
    values = [36] * (8 - len(body)) + [int(char, 36) for char in body]
    total = sum(weight * value for weight, value in zip(range(9, 1, -1), values, strict=True))
    return (total + (10 if check == "A" else int(check))) % 11 == 0


def _tw_id(text: str) -> bool:
    """Taiwan: the letter stands for two digits; weights 1 9 8 7 6 5 4 3 2 1 1."""
    number = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    digits = [number // 10, number % 10, *map(int, text[1:])]
    return sum(w * d for w, d in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True)) % 10 == 0


def _snils(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    total = sum(weight * digit for weight, digit in zip(range(9, 0, -1), digits[:9], strict=True))
    return total % 101 % 100 == digits[9] * 10 + digits[10]


_OWN: Final[dict[str, Check]] = {
    "": lambda _: True,
    "npi": _npi,
    "dea": _dea,
    "nino": _nino,
    "medicare": _medicare,
    "nric": _nric,
    "hkid": _hkid,
    "tw_id": _tw_id,
    "snils": _snils,
}
