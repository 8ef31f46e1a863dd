#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints base/text_table.h from Python's Unicode data: python3 base/text_table.py > base/text_table.h

wide       East_Asian_Width W or F, which takes in every emoji that is shown as one by default. Ambiguous is narrow.
           The ideographic planes and the newest emoji block count whole, as UAX #11 wants it.
zero       marks without an advance (Mn, Me) and the Hangul vowels and finals that join what stands before them.
unsafe     what text_safe makes visible: controls, bidi and other format characters (less the Arabic and Indic number
           signs, which are visible), all that is ignorable by default, line and paragraph separators, surrogates,
           private use, noncharacters.
Ranges run on over code points that are not assigned, where both sides are the same: fewer rows, and characters of a
later Unicode most likely belong with their block.
"""
import unicodedata as u

NUMBER_SIGNS = {0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD, *range(0x0600, 0x0606)}
IGNORABLE = [(0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2060, 0x206F),
             (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)]
WIDE_BLOCKS = [(0x20000, 0x2FFFD), (0x30000, 0x3FFFD), (0x1FA70, 0x1FAFF)]
HANGUL_JOINING = [(0x1160, 0x11FF), (0xD7B0, 0xD7FF)]


def within(c, ranges):
    return any(a <= c <= b for a, b in ranges)


def unsafe(c):
    if 0xFDD0 <= c <= 0xFDEF or c & 0xFFFE == 0xFFFE:
        return True
    cat = u.category(chr(c))
    return (cat in ("Cc", "Cs", "Co", "Zl", "Zp") or within(c, IGNORABLE)
            or cat == "Cf" and c not in NUMBER_SIGNS)


def zero(c):
    return u.category(chr(c)) in ("Mn", "Me") or within(c, HANGUL_JOINING)


def wide(c):
    if u.category(chr(c)) == "Cn":  # Python calls these F
        return within(c, WIDE_BLOCKS)
    return not zero(c) and u.east_asian_width(chr(c)) in "WF"


def ranges(test, bridge):
    rows, unassigned = [], True
    for c in range(0x110000):
        if test(c):
            if rows and bridge and unassigned:
                rows[-1][1] = c
            elif rows and rows[-1][1] == c - 1:
                rows[-1][1] = c
            else:
                rows.append([c, c])
            unassigned = True
        elif u.category(chr(c)) != "Cn":
            unassigned = False
    return rows


def table(name, test, bridge):
    rows = ["{0x%x, 0x%x}," % tuple(r) for r in ranges(test, bridge)]
    print("\nstatic const struct range %s[] = {" % name)
    for i in range(0, len(rows), 5):
        print("\t" + " ".join(rows[i:i + 5]))
    print("};")


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Ranges of Unicode %s, printed by text_table.py, which says what they hold. */" % u.unidata_version)
table("wide", wide, True)
table("zero", zero, True)
table("unsafe", unsafe, False)
