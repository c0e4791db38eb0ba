"""Whether a submission is the answer to a question: one matcher for each way of judging. Pure.

``exact``, ``normalised``, ``number`` and ``choice`` look at the whole submission, so that one which lists several answers is
none of them. ``regex`` and ``includes`` are lenient: they look for the answer anywhere in the submission, and one that names
several answers passes if the right one is among them. They are for questions where that is no advantage.

A suite's digest covers this file, for it decides what passes.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NUMBER_CHARACTERS = 100
_LETTER = re.compile(r"\(?([a-z])[).:]?(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"

SEARCHED_CHARACTERS = 4_000
"""How much of a submission ``regex`` and ``includes`` look at, from its beginning."""


class Match(StrEnum):
    """How a submission is judged."""

    exact = "exact"
    normalised = "normalised"
    number = "number"
    choice = "choice"
    regex = "regex"
    includes = "includes"


@dataclass(frozen=True)
class Key:
    """What is accepted. ``answers`` are alternatives; for ``choice``, letters.

    ``tolerance`` is absolute, in the unit of the answer, and a number may stand with or without ``unit`` behind it.
    """

    match: Match
    answers: tuple[str, ...]
    tolerance: Fraction = Fraction(0)
    unit: str = ""
    pattern: str = ""
    choices: tuple[str, ...] = ()

    def accepts(self, submission: str) -> bool:
        """Whether ``submission`` answers the question. Raises nothing, whatever it holds."""
        return bool(submission.strip()) and _MATCHERS[self.match](submission.strip(), self)

    @property
    def told(self) -> str:
        """How an answer must be written, as the instruction tells it."""
        if self.match is Match.number:
            return f"a number and nothing else (the unit {self.unit} may follow)" if self.unit else "a number and nothing else"
        return _TOLD[self.match]


_TOLD = {
    Match.exact: "the answer and nothing else, written exactly as the question asks",
    Match.normalised: "the answer and nothing else",
    Match.choice: "the letter of one choice and nothing else",
    Match.regex: "the answer",
    Match.includes: "the answer",
}


def number(text: str) -> Fraction | None:
    """The number that ``text`` is, exactly: ``-1,234.5`` or ``6e3``; None where it is anything else."""
    written = text.strip().replace("\N{MINUS SIGN}", "-")
    return Fraction(written.replace(",", "")) if len(written) <= _NUMBER_CHARACTERS and _NUMBER.fullmatch(written) else None


def normalised(text: str) -> str:
    """``text`` without what does not tell answers apart: case, width of letters, white space, quotes around, a last full stop."""
    squeezed = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return squeezed.removesuffix(".").strip(_QUOTES).removesuffix(".").strip()


def letters(choices: Sequence[str]) -> list[str]:
    """The letter of each choice: A, B, C..."""
    return [chr(ord("A") + place) for place in range(len(choices))]


def _exact(submission: str, key: Key) -> bool:
    return submission in key.answers


def _normalised(submission: str, key: Key) -> bool:
    return normalised(submission) in map(normalised, key.answers)


def _number(submission: str, key: Key) -> bool:
    found = number(submission.removesuffix(key.unit))
    wanted = [number(answer) for answer in key.answers]
    return found is not None and any(abs(found - value) <= key.tolerance for value in wanted if value is not None)


def _choice(submission: str, key: Key) -> bool:
    """A letter, the words of the choice, or both: ``B``, ``(b)``, ``B. Paris``, ``Paris``."""
    by_words = {normalised(words): letter for letter, words in zip(letters(key.choices), key.choices, strict=True)}
    chosen = by_words.get(normalised(submission))
    if chosen is None and (read := _LETTER.fullmatch(submission)):
        letter, words = read[1].upper(), read[2]
        chosen = letter if words is None or by_words.get(normalised(words)) == letter else None
    return chosen in key.answers


def _regex(submission: str, key: Key) -> bool:
    return re.search(key.pattern, submission[:SEARCHED_CHARACTERS]) is not None


def _includes(submission: str, key: Key) -> bool:
    """The answer stands in the submission, and is not a part of a longer word or number there."""
    text = normalised(submission[:SEARCHED_CHARACTERS])
    around = r"(?<!\w)(?<!\d[.,])", r"(?!\w|[.,]\d)"
    return any(re.search(re.escape(normalised(answer)).join(around), text) for answer in key.answers)


_MATCHERS: dict[Match, Callable[[str, Key], bool]] = {
    Match.exact: _exact,
    Match.normalised: _normalised,
    Match.number: _number,
    Match.choice: _choice,
    Match.regex: _regex,
    Match.includes: _includes,
}
