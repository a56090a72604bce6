"""Bank card number: ISO/IEC 7812. 14 to 19 digits, Luhn check digit, issuer ranges of UnionPay, Visa, Mastercard,
American Express, JCB, Diners Club, Discover, and the older Chinese ranges that begin with 4, 5 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator

from guiju.review.personal import resident_id
from guiju.review.personal.run import Hit, Number, Run, evenly

CLASS = "I.bank_card"
_LENGTHS = range(14, 20)
_ISSUERS: tuple[tuple[int, int, range], ...] = (
    (62, 62, range(16, 20)),  # UnionPay
    (81, 81, range(16, 20)),
    (4, 4, range(16, 20)),  # Visa, and Chinese cards of 19 digits
    (51, 55, range(16, 17)),  # Mastercard
    (2221, 2720, range(16, 17)),
    (34, 34, range(15, 16)),  # American Express
    (37, 37, range(15, 16)),
    (3528, 3589, range(16, 20)),  # JCB
    (36, 36, range(14, 15)),  # Diners Club
    (38, 39, range(14, 15)),
    (300, 305, range(14, 15)),
    (6011, 6011, range(16, 20)),  # Discover
    (644, 649, range(16, 20)),
    (65, 65, range(16, 20)),
    (60, 60, range(16, 20)),  # older Chinese debit cards
    (690755, 690755, range(15, 16)),
    (955, 958, range(16, 20)),
    (94, 94, range(16, 20)),
    (98, 98, range(16, 20)),
)


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of those before."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def issued(digits: str) -> bool:
    """Whether an issuer uses this beginning at this length."""
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high for low, high, lengths in _ISSUERS
    )


def _plausible(shape: tuple[int, ...]) -> bool:
    """One piece; fours with a shorter or longer end; 6 + 13 as on UnionPay cards; 4-6-5 as on American Express."""
    if len(shape) == 1 or shape in {(6, 13), (6, 10), (4, 6, 5), (4, 6, 4), (8, 8), (8, 8, 3), (6, 6, 4), (6, 6, 7)}:
        return True
    return evenly(shape) or (all(n == 4 for n in shape[:-1]) and shape[-1] <= 7)


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Bank card numbers in a run."""
    for number in found:
        digits = number.digits
        if (
            len(digits) in _LENGTHS
            and digits.isdigit()
            and _plausible(number.shape)
            and issued(digits)
            and not resident_id.shaped(digits)
            and luhn(digits)
        ):
            yield Hit(CLASS, number.start, number.end, "Luhn digit holds; issuer range known")
