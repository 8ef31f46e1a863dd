"""unittest as TAP: `import tap` and end with `tap.main()`."""

import sys
import traceback
import unittest


class _Result(unittest.TestResult):
    count = 0

    def _line(self, word, test, note=""):
        self.count += 1
        print(f"{word} {self.count} - {test.id().replace('__main__.', '')}{note}", flush=True)

    def addSuccess(self, test):
        self._line("ok", test)

    def addSkip(self, test, reason):
        self._line("ok", test, f" # SKIP {reason}")

    def _bad(self, test, err):
        self._line("not ok", test)
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print(f"# {line}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"# {subtest.id()}")
            self._bad(test, err)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{suite.countTestCases()}", flush=True)
    result = _Result()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
