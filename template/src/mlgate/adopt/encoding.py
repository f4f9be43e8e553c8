"""Which encoding a text has that isn't UTF-8: Western by rule, others as charset-normalizer judges enough words.

A table is mostly digits, and a guess from few words is often another alphabet's (`Süd` as `S³d` or `S㥣`), which would
spoil names for good. So what reads as Western is Western, other scripts need words, and what was assumed is said.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from mlgate.errors import ConfigError, DataError

WESTERN = "cp1252"
ENOUGH = 4  # distinct words with letters beyond ASCII; with fewer, one in three guesses was wrong
_OTHERS = ["cp1250", "cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp850", "mac_roman"]
_OTHERS += ["cp932", "euc_jp", "gb18030", "big5", "cp949"]
_SIGNS = set("€£¥§©®°±²³µ·¹º«»¼½¾–—‘’“”…™´")  # noqa: RUF001
_MEND = "save it as UTF-8, or name it, such as --encoding cp1251"


def guess(path: Path, sample: bytes) -> str:
    """The encoding of text that isn't UTF-8; DataError where its words don't tell."""
    words = _words(sample)
    if _is_western(b"\n".join(words)):
        return WESTERN
    if len(words) < ENOUGH:
        raise DataError(f"{path} is not UTF-8, and its few words don't tell which encoding it is", _MEND)
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(words[:5_000]), threshold=0.2, cp_isolation=_OTHERS).best()
    if not best or any(_is_control(letter) for letter in str(best)):
        raise DataError(f"{path} is not UTF-8, and no other encoding fits", _MEND)
    return best.encoding


def named(encoding: str) -> str:
    """The encoding that the caller named, as Python writes it; ConfigError where there is none of that name."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(codec.name)
    except (LookupError, ValueError, TypeError) as error:
        raise ConfigError(f"--encoding {encoding}: no such encoding of text", "try cp1252, cp1250 or cp1251") from error
    return codec.name


def said(encoding: str) -> tuple[str, ...]:
    """A sentence for the reader where the encoding was assumed."""
    if encoding.startswith("utf"):
        return ()
    return (f"read as {encoding}, since it is not UTF-8: where a letter is wrong, give --encoding",)


def _words(sample: bytes) -> list[bytes]:
    """Distinct cells that hold more than ASCII, without knowing the delimiter yet; the last line may be torn."""
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    cells = re.split(rb'[,;|\t\r\n"]+', whole)
    return [cell for cell in dict.fromkeys(cells) if not cell.isascii()]


def _is_western(words: bytes) -> bool:
    """Whether it reads as words of Latin letters with some accents and common signs."""
    try:
        text = words.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    beyond = [letter for letter in text if not letter.isascii()]
    if any(not letter.isalpha() and letter not in _SIGNS for letter in beyond):
        return False
    if re.search(r"[^\W\d_][^\x00-\x7f\w’´·–—°²³…]+[^\W\d_]", text):  # noqa: RUF001 - a sign amid letters: `Gr”áe`
        return False
    letters = [letter for letter in text if letter.isalpha()]
    return sum(not letter.isascii() for letter in letters) <= len(letters) / 2


def _is_control(letter: str) -> bool:
    return letter < "\t" or "\x0e" <= letter < " " or "\x7f" <= letter <= "\x9f"
