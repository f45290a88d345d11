"""A program with python-socketio, which reconnects but cannot recover: each time it is back, it reads what it has
missed, after the last notice that it has handled. It prints what it hears as JSON lines."""

import json
import os
import sys
import threading

import httpx
import socketio
from httpx_sse import connect_sse

config = json.loads(sys.argv[-1])
handling = threading.Lock()
saying = threading.Lock()
handled = set()
last = ""


def say(**line):
    with saying:  # print writes the text and the end of its line separately
        print(json.dumps(line), flush=True)


def number(id):
    return int(id.rsplit(".")[-1])


def token():
    return httpx.get(config["tokens"]).text


sio = socketio.Client()


@sio.event
def connect():
    say(kind="connect", text=sio.transport())
    if last:
        sio.start_background_task(read_missed)


@sio.event
def disconnect(reason):
    say(kind="disconnect", text=reason)


@sio.event
def connect_error(why):
    say(kind="connect_error", text=str(why))


@sio.on("*")
def hear(event, payload, id):
    global last
    with handling:
        if event != "notice_cursor":
            if id in handled:
                return
            handled.add(id)
            last = max(last or id, id, key=number)  # each event is handled in a thread of its own
        last = last or id
        say(kind="event", text=event, payload=payload, id=id)


def read_missed():
    headers = {"Authorization": "Bearer " + token(), "Last-Event-ID": last}
    try:
        with connect_sse(httpx.Client(timeout=10), "GET", config["url"] + "/api/notices", headers=headers) as source:
            for event in source.iter_sse():
                if event.data:
                    hear(event.event, json.loads(event.data), event.id)
    except httpx.TransportError:
        pass  # nothing more within ten seconds; or it reads again when the socket is back


sio.connect(config["url"], auth=lambda: {"token": token()})
sys.stdin.read()
os._exit(0)
