"""Copies every message of an app into a SQLite file, and goes on copying. Python's standard library is all it needs.

The position is stored in the transaction that stores the messages, so it may be killed at any moment and started again:
nothing is lost or doubled.

    SYNC_URL=http://127.0.0.1:8080 SYNC_APP='<app id>:<master key>' SYNC_SQLITE=mirror.db python3 sync.py
"""

import base64
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request


def copy_page(db):
    """Copies the next thousand messages; at the end of the log it waits half a minute for one."""
    (before,) = db.execute("SELECT position FROM synced").fetchone()
    request = urllib.request.Request(f"{os.environ['SYNC_URL']}/v1/messages?wait=30&after={before}")
    credentials = base64.b64encode(os.environ["SYNC_APP"].encode()).decode()
    request.add_header("Authorization", "Basic " + credentials)
    with urllib.request.urlopen(request, timeout=60) as response:
        page = json.load(response)
    if page["position"] == before:
        return
    rows = [(int(m["id"]), m["conversationId"], json.dumps(m, ensure_ascii=False)) for m in page["messages"]]
    with db:  # one transaction
        db.executemany("INSERT INTO messages VALUES (?, ?, ?)", rows)
        moved = db.execute("UPDATE synced SET position = ? WHERE position = ?", (page["position"], before))
        if moved.rowcount != 1:
            raise ValueError("another copy of this program runs")


def main():
    db = sqlite3.connect(os.environ["SYNC_SQLITE"])
    with db:
        db.execute("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, message TEXT NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS synced (position TEXT NOT NULL)")
        db.execute("INSERT INTO synced SELECT '0' WHERE NOT EXISTS (SELECT 1 FROM synced)")
    while True:
        try:
            copy_page(db)
        except (OSError, ValueError, sqlite3.Error) as error:  # the server is restarted, the network is away: the position stays where it is
            detail = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
            print(error, detail, file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main()
