"""A program that hears with httpx-sse, which does not reconnect: the program opens the stream again, after the
last id that it has seen. It prints what it hears as JSON lines."""

import json
import sys
import threading
import time

import httpx
from httpx_sse import SSEError, connect_sse

config = json.loads(sys.argv[-1])


def say(**line):
    print(json.dumps(line), flush=True)


def listen():
    last, wait, token = "", 3.0, httpx.get(config["tokens"]).text
    with httpx.Client(timeout=httpx.Timeout(10, read=60)) as client:
        while True:
            headers = {"Authorization": "Bearer " + token}
            if last:
                headers["Last-Event-ID"] = last
            try:
                with connect_sse(client, "GET", config["url"] + "/api/notices", headers=headers) as source:
                    if source.response.status_code == 401:
                        say(kind="refused")
                        token = httpx.get(config["tokens"]).text
                        continue
                    source.response.raise_for_status()
                    say(kind="connect")
                    for event in source.iter_sse():
                        last = event.id or last
                        if event.retry is not None:
                            wait = event.retry / 1000
                        if event.data:
                            say(kind="event", text=event.event, payload=json.loads(event.data), id=event.id)
                say(kind="disconnect", text="the stream has ended")
            except (httpx.HTTPError, SSEError) as err:
                say(kind="disconnect", text=repr(err))
            time.sleep(wait)


threading.Thread(target=listen, daemon=True).start()
sys.stdin.read()
