"""Forms: fields as text, files summarised."""

import time

from sidecar.wire.multipart import File, looks_multipart, parse

FORM = (
    b'--b0undary\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b0undary\r\ncontent-disposition: form-data; name="file"; filename="a \\"b\\".wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF\x00\r\n\r\n--b0und\r\n\r\n"
    b'--b0undary\r\nContent-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    b"Z\xc3\xbcrich\r\n--b0undary\r\nContent-Disposition: form-data; name=stream\r\n\r\ntrue\r\n"
    b'--b0undary\r\nContent-Disposition: form-data; name="include[]"\r\n\r\na\r\n'
    b'--b0undary\r\nContent-Disposition: form-data; name="include[]"\r\n\r\nb\r\n--b0undary--\r\nepilogue'
)


def test_reads_fields_and_files():
    assert looks_multipart(FORM)
    assert parse(FORM) == {
        "model": "whisper-1",
        "file": File('a \\"b\\".wav', "audio/wav", 18),
        "prompt": "Zürich",
        "stream": "true",
        "include[]": ["a", "b"],
    }


def test_reads_forms_with_bare_line_feeds():
    assert parse(FORM.replace(b"\r\n", b"\n"))["model"] == "whisper-1"


def test_a_hole_counts_in_the_file_it_belongs_to():
    at = FORM.index(b"RIFF") + 4
    form = parse(FORM[:at], FORM[at + 5 :], 1_000_005)
    assert form["file"] == File('a \\"b\\".wav', "audio/wav", 1_000_018)
    assert form["prompt"] == "Zürich"


def test_a_cut_form_gives_what_was_there():
    for at in range(len(FORM)):
        form = parse(FORM[:at])
        assert set(form) <= {"model", "file", "prompt", "stream", "include[]"}
    assert parse(FORM[: FORM.index(b"Z\xc3")])["file"].size_bytes == 18


def test_what_is_no_form_is_not_taken_for_one():
    for data in (b"", b"--", b"--\r\n", b"-- text\r\nmore text", b'{"a": "--b"}', b"data: x\n\n"):
        assert not looks_multipart(data)
        assert parse(data) == {}


def test_hostile_forms_cost_linear_time():
    start = time.perf_counter()
    head = b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n"
    for body in (
        b"\r\n--c" * 500_000,
        b"\r\n" * 1_000_000,
        b"\r\n--b\r\n" * 300_000,
        b"-" * 2_000_000,
        b"\r\n--b" + b" " * 2_000_000,
    ):
        parse(head + body)
    parse(b"--b\r\nContent-Disposition: form-data" + b"; a=" * 300_000 + b"\r\n\r\nx")
    parse(b"--b\r\nContent-Disposition: form-data" + b'; a="\\' * 300_000 + b"\r\n\r\nx")
    assert time.perf_counter() - start < 5
