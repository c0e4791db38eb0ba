"""How figures are written for people. Pure functions."""

from typing import Protocol

_KILO = 1000


class Bounds(Protocol):
    """Anything with a mean and the ends of its interval."""

    @property
    def mean(self) -> float:
        """The estimate."""
        ...

    @property
    def low(self) -> float:
        """Lower end."""
        ...

    @property
    def high(self) -> float:
        """Upper end."""
        ...


def count(number: int) -> str:
    """``999``, ``12.3 k``, ``4.56 M``."""
    if number < 10 * _KILO:
        return str(number)
    value, unit = (number / _KILO, "k") if number < 999.5 * _KILO else (number / _KILO**2, "M")
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"


def dollars(usd: float | None) -> str:
    """An amount with at least two significant digits; an unknown price is said to be unknown."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.2g}"


def duration(seconds: float) -> str:
    """``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def interval(bounds: Bounds) -> str:
    """``0.25 to 0.61``."""
    return f"{bounds.low:.2f} to {bounds.high:.2f}"


def signed_interval(bounds: Bounds) -> str:
    """``-0.04 to +0.61``."""
    return f"{bounds.low:+.2f} to {bounds.high:+.2f}"


def percent(share: float) -> str:
    """``62 %``."""
    return f"{100 * share:.0f} %"
