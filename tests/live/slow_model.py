"""A model API that streams twelve chunks at a quarter second each, and a client that counts them: standard library only.

Both run inside containers, as `python3 -c` with this file's text: argument `serve` for the one, `ask URL` for the other.
"""

import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNKS = 12


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        if not body.get("stream"):
            message = {"role": "assistant", "content": "Paris."}
            answer = {
                "id": "c1",
                "object": "chat.completion",
                "model": "m",
                "choices": [{"index": 0, "message": message}],
            }
            text = json.dumps(answer).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(CHUNKS):
            choice = {"index": 0, "delta": {"content": f"word{number} "}}
            self.event(json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}))
            time.sleep(0.25)
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, text):
        data = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


def ask(url, stream):
    """Return how many events came, and whether the last one was the end."""
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        lines = []
        for line in response:
            if line.strip():
                lines.append(line.decode().strip())
                if len(lines) == 1:
                    print("begun", flush=True)
    return len(lines), lines[-1] == "data: [DONE]"


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Model).serve_forever()
    else:
        print(*ask(sys.argv[2], sys.argv[1] == "stream"), flush=True)
