"""Runs baresip 4 (re 4.10) as a client of the lab, from the package baresip-python 0.5.2a3 (`pip install` it yourself).

It has SIP over WebSocket, which Debian's baresip 1.0.0 has not. It registers, and answers OPTIONS and calls.
"""

import asyncio
import json
import os
import sys

from baresip import Config
from baresip.runtime import Runtime
from baresip.ua import UserAgent

EVENTS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # the stack may print


def tell(**event: object) -> None:
    """Write an event of the actor protocol."""
    EVENTS.write(json.dumps(event) + "\n")


async def main() -> None:
    """Run until the end of the input."""
    start = json.loads(sys.stdin.readline())
    runtime = Runtime(watchdog_interval=3600)  # its own thread looks after the stack's; seldom will do
    await runtime.start(Config())
    tell(ev="ready", version="baresip-python 0.5.2a3, re 4.10", mitigations=[])
    parameter = f";transport={start['transport']}"
    server = f"sip:{start['server']}:{start['port']}{parameter}"
    account = f'<sip:{start["user"]}@{start["domain"]}{parameter}>;regint=3600;answermode=manual;outbound="{server}"'
    agent = await UserAgent.create(runtime, account)
    answering = set()
    agent.on_incoming(lambda call: answering.add(asyncio.ensure_future(call.answer())))
    await agent.register(timeout=60)
    tell(ev="registered")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
