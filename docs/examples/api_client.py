"""A client of the registry's API in Python's standard library: asks for an export and fetches its files.

Usage: REGISTRY=https://registry.example CLIENT_ID=... CLIENT_SECRET=... python api_client.py FOLDER
"""

import base64
import json
import os
import pathlib
import sys
import time
import urllib.parse
import urllib.request

registry, folder = os.environ["REGISTRY"], pathlib.Path(sys.argv[1])
pair = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}".encode()


def call(path, headers=(), data=None):
    request = urllib.request.Request(registry + path, data, dict(headers))
    return urllib.request.urlopen(request, timeout=60)


def bearer():
    """A token lives five minutes: take a new one for each step."""
    basic = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    return {
        "Authorization": "Bearer " + json.load(call("/api/v1/token", basic, form))["access_token"]
    }


def fetch(file):
    """Goes on where an earlier download of the same content broke off."""
    target = folder / file["name"]
    have = target.stat().st_size if target.exists() else 0
    if have < file["bytes"]:
        headers = bearer() | {"Range": f"bytes={have}-", "If-Range": f'"{file["sha256"]}"'}
        with (
            call(file["href"], headers) as answer,
            target.open("ab" if answer.status == 206 else "wb") as out,
        ):
            while block := answer.read(1 << 16):
                out.write(block)


book = json.load(call("/api/v1/codebook", bearer()))
cut = json.load(call("/api/v1/cuts", bearer()))["cuts"][0]
wish = {
    "recipe": {"cohort": "treated"},
    "cut": cut["id"],
    "profile": book["profile"],
    "formats": ["csv"],
}
key = {"Idempotency-Key": f"{cut['id']}-treated-csv", "Content-Type": "application/json"}
export = json.load(call("/api/v1/exports", bearer() | key, json.dumps(wish).encode()))
while export["state"] in ("queued", "running", "review"):
    time.sleep(2)
    export = json.load(call(f"/api/v1/exports/{export['id']}", bearer()))
for entry in export["files"]:
    fetch(entry)
print(export["state"], len(export["files"]), "files")
