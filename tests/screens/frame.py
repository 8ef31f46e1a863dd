#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The frame of the console on a real pty, with the made-up rows of frame_demo."""
import os
import signal
import sys
import termios

sys.path.insert(0, os.path.join(os.environ["srcdir"], "tests"))
import tap  # noqa: E402

from console import COLOURS, ConsoleTest  # noqa: E402

DEMO = os.path.join(os.environ["builddir"], "tests/screens/frame_demo")
HINTS = "<enter> open  <r> restart  </> filter  <:> go to  <d> details  <?> help"
ESC = "\x1b"


class Frame(ConsoleTest):
    def start(self, *args, **options):
        return self.run_on_terminal([DEMO, *args], **options)

    def ready(self, *args, **options):
        return self.start(*args, **options).wait(HINTS)


class Shown(Frame):
    def test_first_screen(self):
        c = self.ready("5")
        self.assertEqual(c.line(0), " moat  made-up   5 agents  ● 3 verified  ○ 1 legacy              live 2s  14:02")
        self.assertEqual(c.line(1), " fleet  [5]")
        self.assertIn("réviseur-3", c.text())
        self.assertEqual(c.line(23), " " + HINTS)
        self.assertTrue(c.screen.cursor.hidden)

    def test_states_without_data(self):
        for what, text in (("loading", "reading made-up"), ("failed", "connect 127.0.0.1:6443: refused"),
                           ("nothing", "no agent and no companion found")):
            self.ready(what).wait(text)

    def test_reading_again(self):
        self.ready("failed").send("\x12").wait("no agent and no companion found")

    def test_resize(self):
        c = self.ready("40").resize(50, 200).wait(HINTS, row=49).wait("pipelock-companion 1/1")
        c.resize(10, 40).wait("<?> help", row=9).wait("▸", row=2)
        c.send("l").wait("◂", row=2)
        c.resize(1, 1).resize(24, 80).wait(HINTS, row=23).send("q")
        self.given_back(c, 0)

    def test_escape_sequences_of_cells_are_shown(self):
        self.ready("5").send("\r").wait("the boundary is advisory\\x1b[2J")

    def test_ascii(self):
        c = self.ready("5", LC_ALL="C").wait("* verified").wait("r?viseur-3")
        self.assertEqual([b for b in c.raw if b > 0x7e], [])


class Colours(Frame):
    def test_256(self):
        self.assertIn(b"38;5;28m", self.ready("5").raw)

    def test_8(self):
        c = self.ready("5", TERM="xterm")
        self.assertNotIn(b"38;5", c.raw)
        self.assertRegex(c.raw, COLOURS)

    def test_true_colour_where_terminfo_has_it(self):
        c = self.ready("5", COLORTERM="truecolor")
        if os.system("infocmp xterm-direct >/dev/null 2>&1"):
            self.assertIn(b"38;5;28m", c.raw)  # the nearest of 256, and no guess
        else:
            self.assertRegex(c.raw, rb"38[:;]2[:;]+0[:;]135[:;]0m")

    def test_none(self):
        for env in ({"NO_COLOR": "1"}, {"TERM": "vt100"}, {"MOAT_SKIN": "mono"}):
            self.assertNotRegex(self.ready("5", **env).raw, COLOURS)

    def test_palette_is_left_alone(self):
        self.assertNotIn(b"\x1b]4;", self.ready("5").raw)  # no init_color

    def test_skin_that_is_not_there(self):
        self.given_back(self.start("5", MOAT_SKIN="nosuch").wait("no skin nosuch"), 2)


class Keys(Frame):
    def test_filter(self):
        c = self.ready("40").send("/BUIL").wait("[8/40] </BUIL>")
        self.assertFalse(c.screen.cursor.hidden)
        c.send("\r").wait(HINTS).wait("</BUIL>")
        c.send(ESC).wait("</BUIL>", gone=True).wait("[40]")

    def test_lone_esc_and_sequences(self):
        c = self.ready("5").send("/x").wait("</x>")
        c.send(ESC).wait("</x>", gone=True)
        c.send(ESC + "[B" + ESC + "OB" + ESC + "[1;2B")
        c.send("\r").wait("findings coding/builder-2")
        c.send(ESC).wait("fleet  [5]")

    def test_help(self):
        c = self.ready("5").send("?").wait("moving and sorting").wait("restart this workload")
        c.send(ESC).wait(HINTS)
        c.send("?").wait("moving and sorting").send("q").wait(HINTS)

    def test_commands(self):
        c = self.ready("5").send(":fi").wait(":findings")
        c.send("\t re").wait(":findings research/scout-0").send("\t\r").wait("findings research/scout-0  [2]")
        c.send(":flet\r").wait("did you mean fleet?")
        c.send(":").wait(":", row=23).send(ESC + "[A").wait(":flet")
        c.send("\x15fleet /scout\r").wait("[1/5] </scout>")
        c.send(":q\r")
        self.given_back(c, 0)

    def test_sort(self):
        c = self.ready("5").send("F").wait("FINDINGS↓").wait("builder-2", row=3)
        c.send("F").wait("FINDINGS↑").wait("scout-0", row=3)

    def test_writing_is_asked_for(self):
        c = self.ready("5").send("r").wait("research/scout-0? [y/N]").send("n").wait("not done")
        c.send("r").wait("[y/N]").send("y").wait("restarted, 1 in all")

    def test_read_only(self):
        c = self.start("5", FRAME_DEMO_READ_ONLY="1").wait("<enter> open  </> filter")
        c.send("r").wait("read-only: will not restart this workload")

    def test_a_paste_runs_nothing(self):
        c = self.ready("5").send(ESC + "[200~ry:q\r" + ESC + "[201~").send("/sco").wait("[1/5] </sco>")
        self.assertNotIn("restarted", c.text())

    def test_ten_thousand_rows(self):
        c = self.ready("10000").send("G").wait("of 10000").send("/builder-99\r").wait("[22/10000]")
        c.send(":q\r")
        self.given_back(c, 0)


class Probes(Frame):
    def answer(self, c):
        """The cluster answers."""
        c.drain()
        return c.kill(signal.SIGUSR1)

    def test_from_the_plan_to_a_way_out(self):
        c = self.ready("5").send("p").wait("Looking at what is to be probed").wait("[ Cancel ]")
        self.answer(c).wait("Probe this agent?").wait("planned      research/scout").wait("pipelock-companion.research:8888")
        c.send("\t\r").wait("0 of 1 done. esc hides this; it goes on.").wait("raw-tcp ✔").wait("[ Hide ]  [ Stop ]")
        c.send(ESC).wait("[ Hide ]", gone=True).wait("probe of research/scout running")
        self.answer(c).wait("probe of research/scout open (p shows it): worker-1: 1.1.1.1:443 answered")
        c.send("p").wait("Done: 1 open.").wait("env-clear ✘").send("\r").wait("Done:", gone=True)

    def test_enter_alone_probes_nobody(self):
        c = self.ready("5").send("p").wait("[ Cancel ]")
        self.answer(c).wait("[ Cancel ]  [ Probe ]").send("\r").wait("[ Probe ]", gone=True)
        self.assertNotIn("probe of", c.text())

    def test_narrow(self):
        c = self.start("5", rows=20, columns=30).wait("<?> help").send("p").wait("[ Cancel ]")
        self.answer(c).wait("[ Cancel ]  [ Probe ]").send("\t\r").wait("[ Hide ]  [ Stop ]")

    def test_signs_without_colours_and_unicode(self):
        c = self.start("5", LC_ALL="C", TERM="vt100").wait("<?> help").send("p").wait("[ Cancel ]")
        self.answer(c).wait("[ Probe ]").send("\t\r").wait("raw-tcp +")
        self.answer(c).wait("raw-tcp +  env-clear x")

    def test_read_only(self):
        self.start("5", FRAME_DEMO_READ_ONLY="1").wait("<?> help").send("p").wait("read-only: will not probe this agent")


class GivenBack(Frame):
    def test_quit(self):
        for keys in ("q", "\x03", ":quit\r"):
            self.given_back(self.ready("5").send(keys), 0)

    def test_signals(self):
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.given_back(self.ready("5").kill(signo), -signo)

    def test_crash(self):
        # A sanitizer that takes the signal after us exits with 1.
        self.given_back(self.ready("5").send("1"), -signal.SIGSEGV, 1)
        self.given_back(self.ready("5").send("2"), -signal.SIGABRT)
        for signo in (signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
            self.given_back(self.ready("5").kill(signo), -signo, 1)

    def test_die(self):
        c = self.ready("5").send("3")
        self.given_back(c, 70)
        self.assertIn(b"moat: out of memory", c.raw[c.raw.rfind(b"\x1b[?1049l"):])

    def test_stop_and_continue(self):
        c = self.ready("5").kill(signal.SIGTSTP)
        self.assertTrue(c.wait_stopped())
        c.drain()
        self.assertEqual(c.not_undone(), [])
        self.assertEqual(c.modes(), c.modes_before)
        c.screen.reset()
        c.kill(signal.SIGCONT).wait(HINTS).send("/sco").wait("</sco>").send("\r:q\r")
        self.given_back(c, 0)

    def test_stopped_by_force(self):
        c = self.ready("5").kill(signal.SIGSTOP)
        self.assertTrue(c.wait_stopped())
        c.drain()
        termios.tcsetattr(c.fd, termios.TCSANOW, c.modes_before)  # as a shell does
        c.screen.reset()
        c.kill(signal.SIGCONT).wait(HINTS).send("\x1a").wait("<faults>").send("q")  # ctrl-z is a key again
        self.given_back(c, 0)


class NoTerminal(Frame):
    def test_keys_come_from_the_terminal(self):
        c = self.run_on_terminal(["/bin/sh", "-c", f"{DEMO} 5 </dev/null"])
        c.wait(HINTS).send("/sco").wait("</sco>").send("\r:q\r")
        self.given_back(c, 0)

    def test_output_that_is_no_terminal(self):
        c = self.run_on_terminal(["/bin/sh", "-c", f"{DEMO} 5 | cat; echo done"])
        c.wait("standard output is no terminal").wait("done")
        self.given_back(c, 0)

    def test_terminals_that_will_not_do(self):
        for term in ("nosuch", "", "dumb"):
            # newterm leaks what it had when it fails
            c = self.start("5", TERM=term, ASAN_OPTIONS="detect_leaks=0").wait(f"TERM={term} ")
            self.given_back(c, 2)


if __name__ == "__main__":
    tap.main()
