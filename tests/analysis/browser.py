"""A headless Chromium for tests, driven over its debugging pipe: no package, no port."""

import base64
import fcntl
import json
import os
import shutil
import signal
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE = 60  # seconds


def find():
    """Return the browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One Chromium; use it in a `with` block."""

    def __init__(self, folder):
        self._folder = folder
        self._last = 0
        self._buffer = b""
        self.events = []

    def __enter__(self):
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        command = [
            find(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
            "--no-first-run", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update",
            f"--user-data-dir={self._folder}", "about:blank",
        ]  # fmt: skip
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (read, write)]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        places = zip((nowhere, nowhere, *theirs), (1, 2, 3, 4), strict=True)
        actions = [(os.POSIX_SPAWN_DUP2, end, place) for end, place in places]
        self._process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        for end in (read, write, nowhere, *theirs):
            os.close(end)
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (OSError, RuntimeError):
            os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)

    def _receive(self):
        while b"\0" not in self._buffer:
            read = os.read(self._from, 1 << 20)
            if not read:
                raise RuntimeError("the browser has gone")
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, session=None, **params):
        """Call a method of the DevTools protocol and return its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            found = self._receive()
            if found.get("id") == self._last:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
            self.events.append(found)

    def open(self, file, width=1280, height=900, mobile=False):
        """Open a file in a new page and wait until its script is through."""
        return Page(self, file, width, height, mobile)


class Page:
    """An open page.

    Attributes:
        requests: addresses that it asked for, other than data and its own file.
        problems: errors and warnings of the console, exceptions, violations of the policy.
        seconds: from navigation until the page's script was through.
    """

    def __init__(self, browser, file, width, height, mobile):
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip
        self._address = file.resolve().as_uri()
        started = time.monotonic()
        self.call("Page.navigate", url=self._address)
        while self.run("document.documentElement?.dataset.ready") != "true":
            if time.monotonic() - started > _PATIENCE:
                raise RuntimeError(f"the page is not ready: {self.problems}")
            time.sleep(0.02)

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def run(self, script):
        """Evaluate JavaScript and return its value."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def press(self, key, code=0):
        """Press a key."""
        text = {"Enter": "\r", "Space": " "}.get(key)
        name = " " if key == "Space" else key
        more = {"windowsVirtualKeyCode": code} if code else {}
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=key, **typed, **more)

    def screenshot(self, file, whole=False):
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))

    def _mine(self):
        self.run("1")  # what was sent before comes before its answer
        return [event for event in self._browser.events if event.get("sessionId") == self._session]

    @property
    def requests(self):
        found = [
            event["params"]["request"]["url"]
            for event in self._mine()
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in found if url != self._address and not url.startswith(("data:", "blob:"))]

    @property
    def problems(self):
        found = []
        for event in self._mine():
            method, params = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"]["exception"].get("description"))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
        return found
