"""The one function that makes file names of outcome ids."""

from __future__ import annotations

_SEPARATORS = {"/": "-", "@": "-at-", "~": "-and-"}
_KEPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def slug(name: str) -> str:
    """File name of an outcome id or another label, without a suffix.

    Letters, digits and underscores stay; the separators of an outcome id become words; every other
    byte becomes ``+`` and its two hexadecimal digits, so that two ids never share a file, no label
    can name a folder, and the result needs no quoting in a link.

    Parameters
    ----------
    name : str
        ``band_power/theta@mPFC``.

    Returns
    -------
    str
        ``band_power-theta-at-mPFC``.

    Raises
    ------
    ValueError
        If the name is empty.
    """
    if not name:
        raise ValueError("an empty name cannot become a file name")
    return "".join(_character(character) for character in name)


def _character(character: str) -> str:
    if character in _KEPT:
        return character
    if character in _SEPARATORS:
        return _SEPARATORS[character]
    return "".join(f"+{byte:02x}" for byte in character.encode())
