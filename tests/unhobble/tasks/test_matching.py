"""What is taken for an answer, and what is not: above all, no list of several answers where that would be an advantage."""

import pytest

from unhobble.tasks.matching import SEARCHED_CHARACTERS, Key, Match, number

CHOICES = ("Paris", "Lyon", "A small town")


def accepts(match, submission, *answers, **more):
    return Key(Match(match), answers, **more).accepts(submission)


@pytest.mark.parametrize("match", list(Match))
@pytest.mark.parametrize("empty", ["", " \n"])
def test_nothing_is_no_answer(match, empty):
    assert not accepts(match, empty, "A", choices=CHOICES, pattern=".*")


@pytest.mark.parametrize("submission", ["a b", " a b\n"])
def test_exact_leaves_out_white_space_around_and_nothing_else(submission):
    assert accepts("exact", submission, "x", "a b")
    assert not accepts("exact", "A b", "a b")
    assert not accepts("exact", "a  b", "a b")


@pytest.mark.parametrize(
    "submission", ["Red Kite", " red\n kite ", "RED KITE.", '"red kite"', "'Red kite.'", "`red kite`.", "\uff52\uff45\uff44 kite"]
)
def test_normalised_leaves_out_what_does_not_tell_answers_apart(submission):
    assert accepts("normalised", submission, "red kite")


@pytest.mark.parametrize("submission", ["1234.5", "1,234.5", "+1234.50", "1.2345e3", " 1234.5 m ", "1234.5m"])
def test_a_number_can_be_written_in_several_ways(submission):
    assert accepts("number", submission, "1234.5", unit="m")


@pytest.mark.parametrize(
    "submission",
    ["1234.5 or 7", "7, 1234.5", "1234.5 7", "12,34.5", "1234.5 km", "about 1234.5", "nan", "inf", "0x10", "9" * 5000, "٣", "½"],
)
def test_what_is_not_one_number_is_no_number(submission):
    assert not accepts("number", submission, "1234.5", "3", "0.5", unit="m", tolerance=1)


def test_a_tolerance_is_kept_exactly():
    assert accepts("number", "0.3", "0.1", tolerance=number("0.2"))
    assert not accepts("number", "0.30001", "0.1", tolerance=number("0.2"))
    assert accepts("number", "\N{MINUS SIGN}3", "-3")


@pytest.mark.parametrize("submission", ["B", "b", "(b)", "B.", "B)", "Lyon", "lyon.", "B. Lyon", "(B) Lyon"])
def test_a_choice_is_a_letter_or_its_words(submission):
    assert accepts("choice", submission, "B", choices=CHOICES)


@pytest.mark.parametrize(
    "submission", ["A", "A B", "A, B", "A or B", "B or A", "Lyon, Paris", "B. Paris", "AB", "B C", "Z", "a small town"]
)
def test_a_choice_is_one_choice(submission):
    assert not accepts("choice", submission, "B", choices=CHOICES)


@pytest.mark.parametrize("listed", ["red, blue", "red or blue", "red\nblue", "red / blue", "blue red", "red; not blue"])
@pytest.mark.parametrize("match", ["exact", "normalised"])
def test_a_list_of_answers_is_none_of_them(match, listed):
    assert not accepts(match, listed, "red", "blue")
    assert accepts("includes", listed, "red", "blue")  # lenient, and documented as such


@pytest.mark.parametrize(
    ("submission", "found"), [("It is 12.", True), ("12", True), ("3.12", False), ("12.5", False), ("112", False), ("12a", False)]
)
def test_includes_finds_no_part_of_a_longer_word_or_number(submission, found):
    assert accepts("includes", submission, "12") == found


@pytest.mark.parametrize("match", ["regex", "includes"])
def test_only_the_beginning_of_a_long_submission_is_searched(match):
    assert accepts(match, " " * 10 + "x" + " y", "y", pattern="y")
    assert not accepts(match, "x" * SEARCHED_CHARACTERS + " y", "y", pattern="y")
