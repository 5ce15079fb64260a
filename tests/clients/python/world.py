"""A gateway in live mode and the simulator that it talks to, as processes of their own.

The simulator sends webhooks only when told, so a gateway can be restarted in the middle of a story.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("GATEWAY_BIN", REPOSITORY / "target/debug/mono-gateway")

# How long anything may take, in seconds, before a test says what did not happen.
DEADLINE = 15

# How soon to look again, in seconds, where there is nothing to listen to.
AGAIN = 0.02

SECRET_KEY = "test_sk_python"
WEBHOOK_SECRET = "python-webhook-secret"


def until(what, probe):
    """Asks again until the answer is truthy, and returns it."""
    deadline = time.monotonic() + DEADLINE
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"asked for {DEADLINE} s: {what}")
        time.sleep(AGAIN)
    return value


class Process:
    """A process of the gateway's binary."""

    def __init__(self, folder, name, *arguments, **settings):
        self._log = Path(folder, f"{name}.log")
        with open(self._log, "wb") as log:
            # Nothing of the caller's settings: they may be for a gateway of another kind.
            self._process = subprocess.Popen(
                [BINARY, *arguments],
                cwd=folder,
                env={"PATH": os.environ["PATH"], **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def prints(self, pattern):
        """The first group of the pattern, once the process has printed it."""

        def look():
            text = self._log.read_text()
            found = re.search(pattern, text)
            if not found and self._process.poll() is not None:
                raise AssertionError(f"it ended: {text}")
            return found

        return until(f"the output to match {pattern}", look).group(1)

    def stop(self):
        self._process.terminate()
        self._process.wait(DEADLINE)


class World:
    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="mono-gateway-python-")
        keys = ["--secret-key", SECRET_KEY, "--webhook-secret", WEBHOOK_SECRET]
        self._simulator = Process(
            self._folder.name, "simulator", "simulator", "--bind", "127.0.0.1:0", "--explicit", *keys
        )
        self._base = self._simulator.prints(r"state is at (http:\S+)/_simulator/state")
        self._start("127.0.0.1:0")
        self.pull("webhooks/url", {"url": f"http://{self.address}/webhooks/mono"})

    def _start(self, bind):
        folder = self._folder.name
        self._gateway = Process(
            folder,
            "gateway",
            DATABASE_URL=f"sqlite://{folder}/gateway.db?mode=rwc",
            GATEWAY_ADMIN_BIND="127.0.0.1:0",
            GATEWAY_AUTH="none",
            GATEWAY_BIND=bind,
            GATEWAY_DRAIN_MS="100",
            GATEWAY_INTROSPECTION="true",
            GATEWAY_LOG_FORMAT="json",
            MONO_BASE_URL=self._base,
            MONO_SECRET_KEY=SECRET_KEY,
            MONO_WEBHOOK_SECRET=WEBHOOK_SECRET,
        )
        self.address = self._gateway.prints(r'"address":"([\d.]+:\d+)"')

    @property
    def graphql(self):
        return f"http://{self.address}/graphql"

    @property
    def socket(self):
        return f"ws://{self.address}/graphql"

    def stop_gateway(self):
        self._gateway.stop()

    def start_gateway(self):
        """Starts it again, on the same address and database."""
        self._start(self.address)

    def stop(self):
        self._gateway.stop()
        self._simulator.stop()
        self._folder.cleanup()

    def pull(self, path, body=None):
        """Pulls a lever of the simulator's; without a body, asks it."""
        request = urllib.request.Request(
            f"{self._base}/_simulator/{path}",
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return json.load(answer)

    def accounts(self):
        """The ids of accounts that are well, in the simulator's order."""
        accounts = self.pull("state")["accounts"]
        return [a["id"] for a in accounts if a["status"] == "AVAILABLE" and not a["needs_reauth"]]

    def tell(self, account, status):
        """Mono's webhook about a new data status."""
        self.pull(f"accounts/{account}/status", {"data_status": status, "announce": True})
        self.deliver()

    def deliver(self):
        """Sends the webhooks that wait."""
        self.pull("webhooks/deliver", {})
