"""The example client with another password than the one it is told."""

import json
import subprocess
import sys

start = json.loads(sys.stdin.readline()) | {"password": "wrong"}
with subprocess.Popen([sys.executable, "client.py"], stdin=subprocess.PIPE, text=True) as example:
    assert example.stdin is not None
    print(json.dumps(start), file=example.stdin, flush=True)
    for line in sys.stdin:
        print(line, end="", file=example.stdin, flush=True)
    example.stdin.close()
