"""The provider's side of a WebSocket: just enough of RFC 6455, with no extension, to script a session."""

import asyncio
import base64
import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

from tests.e2e.server import Request

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8

Script = Callable[[dict[str, Any]], list[dict[str, Any]]]  # what is answered to a client's message


class Sessions:
    """Answers each client message by `script`; keeps every message and the raw bytes of both directions."""

    def __init__(self, script: Script, greeting: list[dict[str, Any]], opcode: int) -> None:
        self._script, self._greeting, self._opcode = script, greeting, opcode
        self.targets: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.up, self.down = bytearray(), bytearray()

    async def serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.targets.append(request.target)
        accept = base64.b64encode(hashlib.sha1(request.header("sec-websocket-key").encode() + GUID).digest())
        head = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        )
        writer.write(head + accept + b"\r\n\r\n")
        for message in self._greeting:
            self._send(writer, self._opcode, json.dumps(message).encode())
        while (frame := await self._frame(reader))[0] != CLOSE:
            message = json.loads(frame[1])
            self.received.append(message)
            for answer in self._script(message):
                self._send(writer, self._opcode, json.dumps(answer).encode())
            await writer.drain()
        self._send(writer, CLOSE, frame[1])
        await writer.drain()

    async def _frame(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = await reader.readexactly(2)
        length = head[1] & 0x7F
        extended = await reader.readexactly({126: 2, 127: 8}.get(length, 0))
        length = int.from_bytes(extended, "big") if extended else length
        mask, data = await reader.readexactly(4), await reader.readexactly(length)
        self.up += head + extended + mask + data
        return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    def _send(self, writer: asyncio.StreamWriter, opcode: int, data: bytes) -> None:
        length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        frame = bytes([0x80 | opcode]) + length + data
        self.down += frame
        writer.write(frame)
