#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat's own console on a real pty: the built-in fleet, files, and the terminal given back."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["srcdir"], "tests"))
import tap  # noqa: E402

from console import ConsoleTest  # noqa: E402

MOAT = os.environ["MOAT"]
DEMO = os.path.join(os.environ["srcdir"], "demo")


class Program(ConsoleTest):
    def ready(self, *args, **options):
        return self.run_on_terminal([MOAT, *args], **options).wait("fleet  [5]").wait("<?> help")

    def test_demo(self):
        c = self.ready("demo").wait("5 agents").wait("librarian")
        c.send("/librarian\r").wait("[1/5] </librarian>")
        c.send("\r").wait("findings research/").wait("config-subpath")
        c.send("\x1b").wait("[1/5]").send("\x1b").wait("fleet  [5]").send("q")
        self.given_back(c, 0)

    def test_completion(self):
        c = self.ready("demo").send(":fi\t mar").wait(":findings market/buyer").send("\t\r").wait("findings market/buyer")
        c.send("\x1b").wait("fleet  [5]")

    def test_filters_of_the_views(self):
        c = self.ready("demo").send("/-l nosuch=label").wait("[0/5]").wait("no row passes the filter")
        c.send("\x15-l a==b==c").wait("-l").send("\x1b").wait("fleet  [5]")
        c.send("f").wait("findings  [").send("/rule=config-*\r").wait("</rule=config-*>").wait("config-subpath")
        c.wait("identity-shared", gone=True)

    def test_proof(self):
        c = self.ready("demo").wait("✘✘✘").wait("● verified").wait("1 old config (:configs)")
        c.send("P").wait("PROBES↓").wait("builder", row=3).send("P").wait("PROBES↑").wait("scout", row=3)
        c.send("gd").wait("research/scout  Deployment").wait("✔ raw-tcp").wait("made up").send("q")
        c.send(":probes\r").wait("probes  [5]").wait("NO-PROXY").send("/-f scout\r").wait("[1/5]").send("\x1b").wait("[1/5]", gone=True)
        c.send(":configs\r").wait("configs  [4]").wait("IN FORCE↓").wait("pipelock-librarian stale", row=3)
        c.send(":runs\r").wait("nothing is kept of what is shown here").send(":actions\r").wait("actions")
        c.send("p").wait("fleet  [5]", gone=True).send(":fleet\r").wait("fleet  [5]").send("p").wait("was read from files: cannot probe")

    def test_history_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            files, db = os.path.join(folder, "files"), os.path.join(folder, "moat.db")
            shutil.copytree(DEMO, files)
            audit = [MOAT, "audit", "-f", files, "--db", db, "--fail-on", "never", "-o", f"json={folder}/report"]
            subprocess.run(audit, check=True)
            path = os.path.join(files, "coding.yaml")
            text = open(path).read()
            open(path, "w").write(text.replace("defaultMode: 0444", "defaultMode: 0440"))
            subprocess.run(audit, check=True)
            open(path, "w").write(text)
            c = self.ready("-f", files, "--db", db).wait("since the last audit:").send(":runs\r").wait("runs  [2]")
            c.send("\r").wait("changes 2").wait("fixed").wait("secret-mode-exposed")
            c.send("\x1b").wait("runs  [2]").send("j\r").wait("run 1 is the first of")
            c.send(":actions\r").wait("nothing was done to this cluster").send(":q\r")
            self.given_back(c, 0)

    def test_proof_without_colours_and_unicode(self):
        c = self.ready("demo", LC_ALL="C", TERM="vt100").wait("xxx").wait("+++").wait("stale").wait("* verified")
        self.assertEqual([b for b in c.raw if b > 0x7e], [])

    def test_files(self):
        c = self.ready("-f", DEMO).send("?").wait("read again").send("q").wait("fleet  [5]").send(":q\r")
        self.given_back(c, 0)

    def test_sizes(self):
        c = self.ready("demo").resize(50, 200).wait("FINDINGS").resize(10, 40).wait("<?> help", row=9)
        c.resize(1, 1).resize(24, 80).wait("<?> help", row=23).send("\x03")
        self.given_back(c, 0)

    def test_signals_and_crashes(self):
        self.given_back(self.ready("demo").kill(signal.SIGTERM), 128 + signal.SIGTERM)
        for signo in (signal.SIGSEGV, signal.SIGABRT):
            # A sanitizer that takes the signal after us exits with 1.
            self.given_back(self.ready("demo").kill(signo), -signo, 1)


if __name__ == "__main__":
    tap.main()
