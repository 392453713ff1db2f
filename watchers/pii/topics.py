# ruff: noqa: E501 (a pattern is read whole)
"""The words that tell what a number near them is, in the languages where they are written in the Latin alphabet.

A topic is named for what its words announce. Words stand as `watchers.view` shows them: lower case, no accents. One pass
finds them all (`TOPICS` is compiled into one pattern), so a word more costs nothing on ordinary text.
"""

from typing import Final

TOPICS: Final[dict[str, str]] = {
    "phone": (
        "phone|phones|telephone|telephon|telefon|telefono|telefone|telefonnummer|telefoonnummer|tel|tlf|tfno|cell|cellphone|"
        "mobile|mobil|mobiel|movil|celular|handy|handynummer|portable|cellulare|landline|hotline|fax|call|calling|"
        "callback|dial|ring|text me|texted|sms|whatsapp|signal|telegram|viber|reach|contact number|number is|"
        "my number|his number|her number|their number|contact|rappeler|appelez|joindre|llamame|llamar|anrufen|rufnummer|"
        "puhelin|telefonszam|telefonu|numer|numero|nummer|phone no|voicemail|pager|switchboard|"
        "registered|emergency|hp|no hp|nomor|numara|soittaa|bel|bellen|ligar|ligue|chiamare|chiamami|recapito"
    ),
    "phone_kind": "work|home|office|fax|mobile|cell|direct|main|landline|private",
    "card": (
        "card|cards|credit|debit|visa|mastercard|amex|american express|discover|diners|maestro|jcb|unionpay|cc|ccn|pan|"
        "kreditkarte|kartennummer|karte|carte|carte bancaire|carte bleue|tarjeta|cartao|carta di credito|creditcard|kort|kortti|"
        "karta|kredi karti|kart"
    ),
    "bank": (
        "bank|banking|account|acct|account number|account no|a/c|checking|savings|deposit|konto|kontonummer|compte|rib|"
        "cuenta|conta|conto|conto corrente|rekening|rekeningnummer|bankverbindung|wire|ach|sort code|bsb"
    ),
    "routing": "routing|aba|rtn|routing number|transit number|ach|wire",
    "sort_code": "sort code|sortcode|sort-code",
    "swift": "swift|bic|swift code|swift/bic|bic/swift",
    "birth": (
        "born|dob|d.o.b|date of birth|birth date|birthdate|birthday|bday|b-day|born on|birth|geboren|geb|geburtsdatum|geburtstag|"
        "ne le|nee le|date de naissance|naissance|nacido|nacida|nacio|fecha de nacimiento|nacimiento|nascido|nascida|"
        "nasceu|data de nascimento|nascimento|nato il|nata il|data di nascita|nascita|geboortedatum|geboren op|"
        "fodt|fodd|fodelsedatum|fodselsdato|syntynyt|syntymaaika|urodzony|urodzona|data urodzenia|narozen|narozena|szuletett|"
        "dogum tarihi|tanggal lahir|lahir"
    ),
    "passport": (
        "passport|passports|passport no|reisepass|pass-nr|passnummer|passeport|pasaporte|passaporto|passaporte|paspoort|"
        "paspoortnummer|pas|passi|paszport|paszportu|pasaport|pass no|travel document"
    ),
    "licence": (
        "driver|drivers|driver's|driving|license|licence|dl|dl#|d.l|driver id|fuhrerschein|fuhrerscheinnummer|permis|"
        "permis de conduire|licencia de conducir|permiso de conducir|carnet de conducir|patente|patente di guida|cnh|"
        "carta de conducao|rijbewijs|rijbewijsnummer|korkort|kortekort|forerkort|prawo jazdy|ajokortti"
    ),
    "driver": (
        "driver|drivers|driver's|driving|drive|drives|dl|fuhrerschein|fuhrerscheinnummer|permis|conducir|guida|conducao|cnh|"
        "rijbewijs|rijbewijsnummer|korkort|kortekort|forerkort|prawo jazdy|ajokortti|dmv|dvla"
    ),
    "medical": "mrn|medical record|patient id|patient number|patient no|chart number|hospital number|health card|patient",
    "npi": "npi|national provider",
    "dea": "dea|prescriber|registrant",
    "insurance": "policy number|policy no|policy|member id|insurance|insurance number|subscriber id|group number",
    "plate": (
        "license plate|licence plate|number plate|plate|plate number|plates|registration plate|kennzeichen|matricula|targa|"
        "kenteken|plaque|immatriculation|vehicle registration|reg number|tag number"
    ),
    "vin": "vin|vehicle identification|chassis|fahrgestellnummer|fin",
    "imei": "imei|handset|device id",
    "zip": (
        "zip|zip code|zipcode|postal code|postal|postcode|post code|postleitzahl|plz|code postal|codigo postal|cep|cap|"
        "postnummer|postcode is|postinumero|kod pocztowy|iranyitoszam|pin code|pincode"
    ),
    "address": (
        "address|addresses|addr|adresse|direccion|endereco|indirizzo|adres|adress|osoite|adresa|alamat|live at|lives at|"
        "living at|live in|lives in|live on|lives on|located at|office is at|ship to|shipped to|deliver|delivered to|mail to|"
        "send it to|sent to|return to|home|residence|resides at|residing at|reside at|moved to|taxi to|meet me at|"
        "domicile|wohne|wohnt|wohnhaft|anschrift|habite|vivo en|vive en|moro na|abito in|street|apartment|meet at|drive to|restaurant|corner of"
    ),
    "version": "version|versions|v|ver|release|section|chapter|figure|sec|oid|rfc|clause|paragraph|build|upgrade",
    "gps": (
        "gps|coordinates|coords|coordinate|latitude|longitude|lat|lon|lng|location|located|geo|geolocation|"
        "koordinaten|coordonnees|coordenadas|map|maps"
    ),
    "website": "website|web site|homepage|home page|site|blog|portfolio|web|domain|webpage|url|webseite|pagina",
    "username": (
        "username|user name|login|handle|twitter|instagram|insta|tiktok|github|discord|telegram|snapchat|skype|screen name|"
        "nickname|follow me|gamertag|psn|user id|account name|benutzername"
    ),
    "crypto": (
        "bitcoin|btc|wallet|ethereum|eth|ether|crypto|usdt|usdc|erc20|erc-20|trc20|tron|trx|ltc|litecoin|dogecoin|doge|monero|"
        "xmr|ripple|xrp|solana|sol|cardano|ada|blockchain|donate|donation|metamask|coinbase|address"
    ),
    "us_ssn": "ssn|ssns|social security|social|soc sec|ss#|ssn#|s.s.n|socsec|social-security",
    "us_itin": "itin|taxpayer|tax id|tin|individual taxpayer",
    "us_ein": "ein|fein|employer identification|federal tax|tax id",
    "uk_nhs": "nhs|nhs number|health service",
    "uk_nino": "nino|national insurance|ni number|n.i|ni no|insurance number",
    "uk_utr": "utr|unique taxpayer|self assessment",
    "in_aadhaar": "aadhaar|aadhar|adhaar|adhar|uidai|uid",
    "in_pan": "pan|permanent account|income tax|pan card",
    "br_cpf": "cpf|contribuinte|cadastro de pessoas",
    "es_nif": "dni|nif|nie|documento nacional|identidad|cedula",
    "it_fiscal": "codice fiscale|fiscale|cf|c.f|fiscal code|tax code",
    "nl_bsn": "bsn|burgerservicenummer|sofinummer|sofi|citizen service",
    "fr_nir": "nir|insee|securite sociale|numero de securite|social security|n secu|secu",
    "pl_pesel": "pesel",
    "ca_sin": "sin|social insurance|nas|numero d'assurance sociale|assurance sociale",
    "au_tfn": "tfn|tax file",
    "au_medicare": "medicare",
    "de_tax": (
        "steuer-id|steuerid|steueridentifikationsnummer|steuernummer|steuer|idnr|identifikationsnummer|tin|tax id|"
        "tax identification|idnr|steuer-identifikationsnummer"
    ),
    "de_social": "sozialversicherungsnummer|rentenversicherungsnummer|versicherungsnummer|sv-nummer",
    "at_svnr": "svnr|sozialversicherungsnummer|sv-nummer|versicherungsnummer",
    "se_pnr": "personnummer|personal identity|pnr|samordningsnummer",
    "fi_hetu": "hetu|henkilotunnus|personal identity|personbeteckning",
    "dk_cpr": "cpr|cpr-nummer|personnummer|cpr-nr",
    "no_fnr": "fodselsnummer|personnummer|fnr|d-nummer|national identity",
    "ch_ahv": "ahv|avs|ahv-nummer|sozialversicherungsnummer",
    "be_nn": "rijksregisternummer|numero national|registre national|rijksregister|insz|niss|national number",
    "pt_nif": "nif|contribuinte|numero de contribuinte|numero fiscal|financas",
    "ie_pps": "pps|ppsn|personal public service",
    "ro_cnp": "cnp|cod numeric personal",
    "cz_rc": "rodne cislo|rodneho cisla|r.c|rc|birth number",
    "bg_egn": "egn|edinen grazhdanski",
    "hr_oib": "oib|osobni identifikacijski",
    "gr_amka": "amka",
    "ee_ik": "isikukood|personal identification|isikukoodi",
    "lt_ak": "asmens kodas|asmens kodo|personal code",
    "lv_pk": "personas kods|personas kodu|personal code",
    "is_kt": "kennitala|kt",
    "si_emso": "emso|jmbg|maticni broj",
    "hu_taj": "taj|adoazonosito|tax identification",
    "cn_ric": "resident identity|id card|identity card|id number|shenfenzheng|sfz",
    "kr_rrn": "resident registration|rrn|jumin",
    "jp_my": "my number|mynumber|individual number|kojin bango",
    "tw_id": "national id|id number|identity card|roc id",
    "hk_id": "hkid|hong kong identity|identity card",
    "sg_nric": "nric|fin|singpass|identity card",
    "my_nric": "nric|mykad|ic number|ic no|kad pengenalan|identity card",
    "th_pin": "thai id|national id|citizen id|id card|id number",
    "id_nik": "nik|ktp|nomor induk",
    "pk_cnic": "cnic|nadra|identity card|nic",
    "za_id": "id number|sa id|identity number|rsa id|south african id",
    "il_id": "teudat zehut|id number|israeli id|mispar zehut|identity number",
    "tr_tc": "tc|tckn|t.c|kimlik|tc kimlik|tc kimlik no|turkish id",
    "mx_curp": "curp|clave unica",
    "mx_rfc": "rfc|registro federal",
    "ar_dni": "dni|cuil|cuit|documento",
    "cl_rut": "rut|rol unico",
    "co_cc": "cedula|cc|c.c|nit|ciudadania",
    "pe_dni": "dni|cui|documento",
    "ec_ci": "cedula|ci|c.i",
    "ru_inn": "inn|snils",
    "ua_tin": "rnokpp|ipn|inn",
    "id": "id|identity|identification|identifier|identity number|id no|id card|ausweis|personalausweis|ausweisnummer|carte d'identite|cni",
}

# The same in other scripts, looked for only in texts that are not ASCII: text of the word -> topic.
FOREIGN: Final[dict[str, str]] = {
    "电话": "phone", "手机": "phone", "電話": "phone", "携帯": "phone", "전화": "phone", "휴대폰": "phone", "연락처": "phone",
    "телефон": "phone", "тел.": "phone", "звоните": "phone", "هاتف": "phone", "جوال": "phone", "טלפון": "phone", "फोन": "phone",
    "फ़ोन": "phone", "τηλέφωνο": "phone", "тел:": "phone", "โทร": "phone", "मोबाइल": "phone", "ফোন": "phone",
    "生日": "birth", "出生": "birth", "生年月日": "birth", "생년월일": "birth", "родился": "birth", "родилась": "birth",
    "дата рождения": "birth", "تاريخ الميلاد": "birth", "जन्म": "birth", "γεννήθηκ": "birth",
    "护照": "passport", "護照": "passport", "パスポート": "passport", "旅券": "passport", "여권": "passport", "паспорт": "passport",
    "جواز": "passport", "पासपोर्ट": "passport", "διαβατήρι": "passport", "דרכון": "passport",
    "身份证": "cn_ric", "身分證": "tw_id", "주민등록": "kr_rrn", "マイナンバー": "jp_my", "個人番号": "jp_my", "आधार": "in_aadhaar",
    "ИНН": "ru_inn", "СНИЛС": "ru_inn", "ЕГН": "bg_egn", "ΑΜΚΑ": "gr_amka", "תעודת זהות": "il_id", "ІПН": "ua_tin",
    "银行卡": "card", "信用卡": "card", "カード": "card", "카드": "card", "карт": "card", "بطاقة": "card",
    "账号": "bank", "账户": "bank", "口座": "bank", "계좌": "bank", "счет": "bank", "счёт": "bank", "حساب": "bank",
    "邮编": "zip", "郵便番号": "zip", "〒": "zip", "우편번호": "zip", "индекс": "zip",
    "驾照": "licence", "驾驶证": "licence", "運転免許": "licence", "водительск": "licence", "운전면허": "licence",
}  # fmt: skip
