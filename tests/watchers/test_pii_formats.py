"""The structured types in the forms of many countries, written here independently of the patterns; and near misses of each.

Every number is a published example or made up with a true checksum.
"""

import pytest

from watchers.pii.watcher import Pii

PII = Pii()
TRUE = {
    "PHONE_NUMBER": r"""
call me at +1 415 555 2671|my number is (212) 555-0187|US: 415-555-2671|+44 20 7946 0958|UK mobile 07911 123456|+49 30 901820
Tel.: 030 / 901820-12|+33 1 42 68 53 00|06 12 34 56 78 est mon numéro|+34 912 345 678|llámame al 612 345 678|+39 06 6982
il mio cellulare è 347 123 4567|+91 98765 43210|mobile: 9876543210|+81 3-1234-5678|電話 03-1234-5678|+86 138 0013 8000|手机 13800138000
+55 11 91234-5678|(11) 91234-5678 meu celular|+61 412 345 678|ring 0412 345 678|+7 495 123-45-67|+82 10-1234-5678|+971 50 123 4567
+27 82 123 4567|+31 6 12345678|+46 70 123 45 67|tel:+1-415-555-2671|+52 55 1234 5678|+90 532 123 45 67|0041 44 668 18 00
WhatsApp +234 803 123 4567|+1 (415) 555-2671 ext. 42|+48 512 345 678|+353 85 123 4567|+972 54-123-4567|+65 9123 4567
phone: 4155552671
""",
    "CREDIT_CARD": r"""
4111 1111 1111 1111|4111-1111-1111-1111|4111111111111111|5555 5555 5555 4444|5105105105105100|378282246310005|3782 822463 10005
3714-496353-98431|6011111111111117|6011 0009 9013 9424|3530111333300000|30569309025904|3056 930902 5904|38520000023237
6200 0000 0000 0005|2223003122003222|my card is 4012888888881881 exp 12/27|{"card":"4242424242424242"}|4000 0566 5566 5556
card 5019717010103742|６０１１ １１１１ １１１１ １１１７
""",
    "IBAN_CODE": r"""
DE89 3704 0044 0532 0130 00|DE89370400440532013000|GB29 NWBK 6016 1331 9268 19|FR14 2004 1010 0505 0001 3M02 606|NL91ABNA0417164300
ES91 2100 0418 4502 0005 1332|IT60 X054 2811 1010 0000 0123 456|BE68 5390 0754 7034|CH93 0076 2011 6238 5295 7
AT61 1904 3002 3457 3201|PL61 1090 1014 0000 0712 1981 2874|SE45 5000 0000 0583 9825 7466|NO93 8601 1117 947|DK50 0040 0440 1162 43
FI21 1234 5600 0007 85|IE29 AIBK 9311 5212 3456 78|PT50 0002 0123 1234 5678 9015 4|SA03 8000 0000 6080 1016 7519
AE07 0331 2345 6789 0123 456|TR33 0006 1005 1978 6457 8413 26|BR18 0036 0305 0000 1000 9795 493C 1|gb29nwbk60161331926819
LU28 0019 4006 4475 0000|CZ65 0800 0000 1920 0014 5399|MT84 MALT 0110 0001 2345 MTLC AST0 01S
""",
    "US_SSN": r"""
SSN 536-22-1234|my social security number is 536221234|536-22-1234|ssn: 212 34 5678|Social Security: 401-55-9876|social 219-44-3321
SSN#: 078-05-1121|{"ssn": "521-44-9812"}|her SSN is 601.22.8811|ssn=433-54-3937
""",
    "PASSPORT": r"""
passport number 533401372|my passport is C01X00T47|Passport No: AB1234567|Reisepass C4VPMT8K7|passeport 12AB34567
pasaporte AAA123456|passaporto YA1234567|护照 G12345678|パスポート TK1234567|passport: N1234567|travel document L898902C3
passport K1234567 (Indian)|US passport 123456789|Passport Number is X12345678
""",
    "DRIVER_LICENSE": r"""
driver's license D1234567|driver license number: S123-4567-8901|driving licence MORGA753116SM9IJ|DL# F255-921-50-094-0
Führerschein B072RRE2I55|permis de conduire 12AB34567|my drivers license is Y3456789|driver's licence no. 12345678
DL: 12345678 TX driver|patente di guida U1A2345678B
""",
    "IP_ADDRESS": r"""
client 203.0.113.45 connected|8.8.8.8|from 151.101.1.69:443|2001:db8:85a3::8a2e:370:7334|2606:4700:4700::1111|http://93.184.216.34/x
"ip": "198.51.100.7"|IP=81.2.69.142,|[2a00:1450:4001:81b::200e]:443|ssh root@52.95.110.1|::ffff:203.0.113.5|192.0.2.1/24
user at 185.199.108.153.|2a03:2880:f12f:83:face:b00c:0:25de
""",
    "MAC_ADDRESS": r"""
00:1A:2B:3C:4D:5E|00-1A-2B-3C-4D-5E|001a.2b3c.4d5e|mac a4:83:e7:12:9f:0c up|HWaddr 08:00:27:8e:8a:a8|ether f0:18:98:3d:aa:01
""",
    "EMAIL_ADDRESS": r"""
ann.lee@example.com|a+b@sub.example.co.uk|Mail an jörg@müller.de|john (at) example (dot) com|jane [at] example [dot] org
mailto:x_y@ex-ample.org?subject=hi|<bob@corp.internal>|ann%40example.com|"ann.o'brien@example.ie"|user@[203.0.113.7]|ANN@EXAMPLE.COM
x@ex.museum|écrire à zoe@exemple.fr.|jdoe@xn--bcher-kva.de
""",
    "CRYPTO": r"""
1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2|3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy|bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq
bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297|0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
wallet 0x742d35cc6634c0532925a3b844bc454e4438f44e|rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh|LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1
DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L|TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC|solana wallet 7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV
addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x
monero 44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A
""",
    "DATE_OF_BIRTH": r"""
born on 12 March 1985|DOB: 03/12/1985|date of birth 1985-03-12|my birthday is May 3rd, 1990|geboren am 12.03.1985|né le 12 mars 1985
fecha de nacimiento: 12/03/1985|nato il 12/03/1985|生年月日 1985年3月12日|birthdate=19850312|b-day 5 June|dob 3.12.85|d.o.b. 12 Mar 85
出生 1985年03月12日|data de nascimento 12/03/1985|geboortedatum 12-03-1985|född 850312|urodzony 12.03.1985
""",
    "GPS_COORDINATES": r"""
my location is 48.8584, 2.2945|lat 40.7128, lon -74.0060|40.7128° N, 74.0060° W|GPS: -33.8688,151.2093|48°51'29.6"N 2°17'40.2"E
coordinates (51.5007, -0.1246)|{"lat": 52.5200, "lng": 13.4050}|https://maps.google.com/?q=37.7749,-122.4194
latitude: 35.6895 longitude: 139.6917
""",
}  # fmt: skip
NATIONAL = {
    "UK_NHS": "NHS number 943 476 5919",
    "UK_NINO": "NI number AB 12 34 56 C",
    "IN_AADHAAR": "Aadhaar 2341 2341 2346",
    "IN_PAN": "PAN ABCPE1234F",
    "BR_CPF": "CPF 529.982.247-25",
    "ES_NIF": "mi DNI es 12345678Z",
    "ES_NIE": "NIE X1234567L",
    "IT_FISCAL_CODE": "codice fiscale RSSMRA85T10A562S",
    "NL_BSN": "BSN 111222333",
    "FR_NIR": "NIR 1 85 05 78 006 084 91",
    "PL_PESEL": "PESEL 44051401359",
    "CA_SIN": "SIN 130 692 544",
    "AU_TFN": "TFN 123 456 782",
    "DE_TAX_ID": "Steuer-ID 86 095 742 719",
    "SE_PERSONNUMMER": "personnummer 811228-9874",
    "FI_HETU": "hetu 131052-308T",
    "DK_CPR": "CPR 211062-5629",
    "NO_FODSELSNUMMER": "fødselsnummer 15076500565",
    "CH_AHV": "AHV 756.9217.0769.85",
    "BE_NATIONAL_NUMBER": "rijksregisternummer 85.07.30-033.28",
    "PT_NIF": "NIF 123456789",
    "IE_PPS": "PPS number 1234567FA",
    "RO_CNP": "CNP 1630615123457",
    "CZ_RODNE_CISLO": "rodné číslo 736028/5163",
    "CN_RESIDENT_ID": "身份证 11010519491231002X",
    "KR_RRN": "주민등록번호 900101-1234568",
    "JP_MY_NUMBER": "マイナンバー 1234 5678 9018",
    "TW_ID": "身分證 A123456789",
    "HK_ID": "HKID A123456(3)",
    "SG_NRIC_FIN": "NRIC S1234567D",
    "MY_NRIC": "MyKad 770305-02-1234",
    "PK_CNIC": "CNIC 34201-0891231-8",
    "ZA_ID": "South African ID 8001015009087",
    "IL_ID": "ת.ז. תעודת זהות 123456782",
    "TR_TCKIMLIK": "TC kimlik 10000000146",
    "MX_CURP": "CURP BOXW310820HNERXN09",
    "AR_CUIL": "CUIT 20-05536168-2",
    "CL_RUT": "RUT 12.678.579-8",
    "RU_SNILS": "СНИЛС 112-233-445 95",
    "RU_INN": "ИНН 500100732259",
    "BG_EGN": "EGN 7523169263",
    "HR_OIB": "OIB 33392005961",
}  # fmt: skip
NONE = r"""
order 415-2671|ISBN 978-3-16-148410-0|version 10.2.3.4|4111 1111 1111 1112|GB29 NWBK 6016 1331 9268 18|DE00 1234 5678 9012 3456 78
000-12-3456|666-12-3456|NHS number 943 476 5918|CPF 529.982.247-26|12345678A|PESEL 44051401358|256.1.1.1|1.2.3|12:34:56|00:00:00
2026-01-02 03:04:05|user@localhost|@property|foo@bar|git@github.com:x/y.git|0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD
1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3|released on 12 March 1985|pi is 3.14159, 2.71828|the meeting is 3/12|SKU 4155552671
tracking 1Z999AA10123456784|invoice 2026-000123|phone model SM-G991B|room 4021|1,234,567,890 users|1600 1200 resolution
100 200 300 400|2024-2025|10-20-30|3.5.1.2 release notes|section 4.2.1.3|commit 8f4c2d1|err 0x80070057
UUID 550e8400-e29b-41d4-a716-446655440000|md5 d41d8cd98f00b204e9800998ecf8427e|EAN 4006381333931|zip file 12345.zip|port 5432
127.0.0.1|10.0.0.5|fe80::1|::1|std::vector<int>|a::b::c|license: MIT|license number plate design|my passport expired
passport photo 35x45 mm|driver version 531.79|card game 52 cards|1234567890|0123456789|timestamp 1700000000|1700000000000
account of 2023|12345678901234567890|ticket 12345-67890|part 555-1234-AB|3-2-1|x = 4111|f(1,2,3)|ratio 16:9:4
chapter 12 page 345 line 6789|9780306406157|latitude of thought 12.5, 3.4|wavelength 550.123, 650.456|scores 98.6543, 97.1234
born in winter|DOB format is DD/MM/YYYY|call 3 times in 10 minutes|year 1984 1985 1986|sum 120 130 140 150|USD 1 500 000 000
GTIN 00012345600012|IMO 9074729|model XR-55A80J|#415555|ref 20260112-001|postcode lottery|java.util.List|192.168.1.1:8080
build 20260112.3|+100 points|+1|-12345678|00000000|11111111111|DE|€ 12.345.678,90|12.345.678 inhabitants
"""


def parts(table: str) -> list[str]:
    return [part for line in table.split("\n") for part in line.split("|") if part]


CASES = [(text, label) for label, table in (TRUE | NATIONAL).items() for text in parts(table)]


@pytest.mark.parametrize(("text", "label"), CASES)
def test_it_is_found_and_of_its_type(text: str, label: str) -> None:
    assert label in {span.label for span in PII.spans(text)}


@pytest.mark.parametrize("text", parts(NONE))
def test_a_near_miss_flags_nothing(text: str) -> None:
    assert [span for span in PII.spans(text) if span.score >= PII.labels[span.label]] == []
