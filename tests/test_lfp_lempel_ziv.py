"""LZ76: hand-worked parsings, limits, a plain second algorithm, and another package's counts."""

import importlib.util
import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pipeline.lfp.lempel_ziv import above_median, lempel_ziv_rate, lempel_ziv_words

GOLD = Path(__file__).parent / "data" / "gold"


def bits(text):
    return [int(letter) for letter in text]


def plain_words(sequence):
    """The definition as it is written: grow each word while it has occurred before."""
    text = "".join(str(int(symbol)) for symbol in sequence)
    words, begin = [], 0
    while begin < len(text):
        length = 1
        while (
            begin + length <= len(text)
            and text[begin : begin + length] in (text[: begin + length - 1])
        ):
            length += 1
        words.append(text[begin : begin + length])
        begin += length
    return words


def oracles():
    found = importlib.util.spec_from_file_location("lfp_oracles", GOLD / "lfp_oracles.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module, json.loads((GOLD / "lfp_oracles.json").read_text())


@pytest.mark.parametrize(
    ("parsed", "words"),
    [
        ("0.001.10.100.1000.101", 6),  # Lempel and Ziv's own example
        ("0", 1),
        ("0.0000000", 2),
        ("0.1", 2),
        ("0.1.010101010", 3),  # the rest repeats with overlap
        ("0.01.10.1", 4),  # the last word is unfinished, and counts
        ("1.0.11.100", 4),
        ("1.0.11.10", 4),
    ],
)
def test_words_worked_by_hand(parsed, words):
    sequence = bits(parsed.replace(".", ""))
    assert lempel_ziv_words(sequence) == words
    assert plain_words(sequence) == parsed.split(".")


def test_every_short_sequence_agrees_with_the_definition():
    for length in range(12):
        for sequence in product((0, 1), repeat=length):
            assert lempel_ziv_words(sequence) == len(plain_words(sequence)), sequence


@pytest.mark.parametrize("chance", [0.5, 0.2, 0.02])
def test_long_sequences_agree_with_the_definition(chance):
    rng = np.random.default_rng(1)
    for length in (63, 64, 65, 255, 256, 257, 1000):
        sequence = rng.random(length) < chance
        assert lempel_ziv_words(sequence) == len(plain_words(sequence))
        sticky = np.cumsum(sequence) % 2 == 1
        assert lempel_ziv_words(sticky) == len(plain_words(sticky))


def test_counts_of_antropy():
    module, answers = oracles()
    sequences = [module.sequence(*entry) for entry in module.SEQUENCES]
    assert [lempel_ziv_words(s) for s in sequences] == answers["antropy_lziv_complexity"]
    np.testing.assert_allclose(
        [lempel_ziv_rate(s) for s in sequences],
        answers["antropy_lziv_complexity_normalised"],
        rtol=1e-12,
    )


def test_limits():
    n = 2500
    assert lempel_ziv_words(np.zeros(n)) == 2
    assert lempel_ziv_words(np.arange(n) % 2) == 3
    assert lempel_ziv_words(np.arange(n) // 25 % 2) == 4  # 5 Hz square wave
    rng = np.random.default_rng(2)
    rates = [lempel_ziv_rate(rng.random(n) < 0.5) for _ in range(40)]
    assert 1.0 < np.mean(rates) < 1.05
    assert lempel_ziv_rate(np.zeros(n)) == pytest.approx(2 * math.log2(n) / n)


def test_rare_ones_tend_to_the_entropy_of_the_source():
    rng = np.random.default_rng(3)
    chance, n = 0.1, 40000
    entropy = -chance * math.log2(chance) - (1 - chance) * math.log2(1 - chance)
    assert lempel_ziv_rate(rng.random(n) < chance) == pytest.approx(entropy, rel=0.12)


def test_polarity_does_not_matter():
    rng = np.random.default_rng(4)
    sequence = np.cumsum(rng.standard_normal(2000)) > 0
    assert lempel_ziv_words(sequence) == lempel_ziv_words(~sequence)


def test_what_is_no_sequence_of_bits_is_refused():
    for wrong in ([0, 1, 2], [0.5], [[0, 1]]):
        with pytest.raises(ValueError, match="true and false"):
            lempel_ziv_words(wrong)
    with pytest.raises(ValueError, match="at least 2"):
        lempel_ziv_rate([1])
    assert lempel_ziv_words([]) == 0


def test_median_splits_a_window_in_half():
    signal = np.array([[5.0, 1.0, 4.0, 2.0], [0.0, 0.0, 0.0, 7.0]])
    assert above_median(signal).tolist() == [[True, False, True, False], [False] * 3 + [True]]
