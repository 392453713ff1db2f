"""Audio and images: forms in, every response format out."""

import json

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Media, Message, Operation, Role, Usage, UsageSource

TRANSCRIPTIONS = "/v1/audio/transcriptions"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-transcribe\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n12345\r\n'
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nNames: Ada\r\n'
    b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    b'--b\r\nContent-Disposition: form-data; name="response_format"\r\n\r\njson\r\n--b--\r\n'
)


@pytest.fixture
def decoded(capture_of):
    def made(request, response, target, **more):
        body = json.dumps(response).encode() if isinstance(response, dict) else response
        return decode(capture_of(body, request, target=target, **more))

    return made


def test_a_transcription(decoded):
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 2, "input_token_details": {"audio_tokens": 14}}
    exchange = decoded(FORM, {"text": "Hello Ada", "usage": usage}, TRANSCRIPTIONS)
    assert exchange.operation is Operation.TRANSCRIPTION
    assert exchange.request_model == "gpt-4o-transcribe"
    assert exchange.messages == (Message(Role.USER, "Names: Ada", media=(Media("audio", "audio/mpeg", 5),)),)
    assert exchange.choices == (Choice(text="Hello Ada"),)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=14, output=2, audio_input=14)
    assert exchange.parameters == (("response_format", '"json"'),)
    assert not exchange.stream


def test_a_streamed_transcription(capture_of, sse):
    events = [{"type": "transcript.text.delta", "delta": text} for text in ("Hello ", "Ada")]
    done = {"type": "transcript.text.done", "text": "Hello Ada", "usage": {"input_tokens": 14, "output_tokens": 2}}
    pieces = [sse(event, done=False) for event in (*events, done)]
    exchange = decode(capture_of(pieces, FORM, target=TRANSCRIPTIONS))
    assert exchange.choices == (Choice(text="Hello Ada"),)
    assert exchange.stream
    assert exchange.usage.output == 2
    assert exchange.timings.output_chunk_seconds == (1.0, 2.0)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"Hello Ada\n", "Hello Ada"),
        (b"[Music] Hello", "[Music] Hello"),
        (b"1\n00:00:00,000 --> 00:00:01,500\nHello\n\n2\n00:00:02,000 --> 00:00:03,000\nAda\n", "Hello\nAda"),
        (b"WEBVTT\n\n00:00.000 --> 00:01.500\nHello\n\n00:02.000 --> 00:03.000 align:start\nAda\n", "Hello\nAda"),
        (b'{"text": "Hello", "duration": 1.5, "segments": [{"text": "Hello"}]}', "Hello"),
    ],
)
def test_transcripts_of_every_format(body, text, decoded):
    exchange = decoded(FORM, body, "/v1/audio/translations", response_headers=(("content-type", "text/plain"),))
    assert exchange.choices == (Choice(text=text),)
    assert exchange.decode_error is None


def test_usage_in_seconds_is_no_token_count(decoded):
    exchange = decoded(FORM, {"text": "x", "usage": {"type": "duration", "seconds": 3}}, TRANSCRIPTIONS)
    assert exchange.usage == Usage()


def test_an_upload_too_large_to_be_kept(capture_of, body_of):
    at = FORM.index(b"12345") + 2
    exchange = decode(
        capture_of(
            b'{"text": "x"}',
            body_of([FORM[:at]], tail=FORM[at + 1 :], size=len(FORM) + 10_000_000),
            target=TRANSCRIPTIONS,
        )
    )
    assert exchange.messages[0].media == (Media("audio", "audio/mpeg", 10_000_005),)
    assert exchange.messages[0].text == "Names: Ada"
    assert not exchange.complete


def test_speech(capture_of, body_of):
    request = {"model": "tts-1", "input": "Say this.", "instructions": "Softly.", "voice": "alloy"}
    sound = body_of([b"\xff\xfb\x90" * 100], size=40_000)
    headers = (("Content-Type", "audio/mpeg"),)
    exchange = decode(capture_of(sound, request, target="/v1/audio/speech", response_headers=headers))
    assert exchange.operation is Operation.SPEECH
    assert exchange.messages == (Message(Role.SYSTEM, "Softly."), Message(Role.USER, "Say this."))
    assert exchange.choices == (Choice(media=(Media("audio", "audio/mpeg", 40_000),)),)
    assert exchange.decode_error is None


def test_streamed_speech(decoded, sse):
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 9}}
    stream = sse({"type": "speech.audio.delta", "audio": "AAAA"}, {"type": "speech.audio.delta", "audio": "AAAA"}, done)
    exchange = decoded({"model": "tts", "input": "x"}, stream, "/v1/audio/speech")
    assert exchange.choices == (Choice(media=(Media("audio", None, 6),)),)
    assert exchange.usage.output == 9


def test_images(decoded, sse):
    usage = {"input_tokens": 5, "output_tokens": 100, "total_tokens": 105}
    request = {"model": "gpt-image-1", "prompt": "A cat", "n": 2, "size": "256x256"}
    data = [{"b64_json": "AAAA"}, {"url": "https://x", "revised_prompt": "A black cat"}]
    exchange = decoded(
        request, {"created": 1, "data": data, "usage": usage, "output_format": "png"}, "/v1/images/generations"
    )
    assert exchange.operation is Operation.IMAGE
    assert exchange.messages == (Message(Role.USER, "A cat"),)
    assert exchange.choices == (
        Choice(0, media=(Media("image", "image/png", 3),)),
        Choice(1, text="A black cat", media=(Media("image", "image/png"),)),
    )
    assert exchange.usage.output == 100
    partial = {"type": "image_generation.partial_image", "b64_json": "AAAA" * 50_000, "partial_image_index": 0}
    completed = {"type": "image_generation.completed", "b64_json": "AAAA", "output_format": "png", "usage": usage}
    streamed = decoded(request, sse(partial, completed, done=False), "/v1/images/generations")
    assert streamed.choices == (Choice(0, media=(Media("image", "image/png", 3),)),)
    assert streamed.usage == exchange.usage


def test_an_edit_of_images(decoded):
    form = (
        b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nMore hats\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image[]"; filename="1"\r\nContent-Type: image/png\r\n\r\n1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image[]"; filename="2"\r\nContent-Type: image/png\r\n\r\n22\r\n'
        b"--b--"
    )
    exchange = decoded(form, {"data": []}, "/v1/images/edits")
    assert exchange.messages == (
        Message(Role.USER, "More hats", media=(Media("image", "image/png", 1), Media("image", "image/png", 2))),
    )
