"""The GSM-7 alphabet, and how text that does not fit in it is written with it.

Sources: the default alphabet and its extension table are those of 3GPP TS 23.038 (GSM 03.38). The look-alikes are
those of Twilio's public Smart Encoding map (npm `sms-segments-calculator`), with a space as one space, and without its
combining marks, which normalisation has joined to their letters or which are dropped with their accent. To these come
the letters of our languages that the alphabet lacks: accents by Unicode decomposition, the others by the table below.
"""

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")  # each costs two septets, and is never split over two parts
UNKNOWN = "?"  # a letter of a script that cannot be written
_DROPPED = frozenset({"Mn", "Mc", "Me", "Cc", "Cf", "Cn", "Co", "Cs", "Sk", "So"})

_LOOK_ALIKES = {
    '"': "«»“”ʺˮ‟„❝❞〝〞＂",
    "'": "‘’ʻˈʼʽʹ‛＇´ˊ`ˋ❛❜︐︑′",
    "/": "÷⧸⁄∕／",
    "\\": "⧹⧵﹨＼",
    "_": "＿‗",
    "|": "∣｜⎸⎹⏐⎜⎟",
    "-": "⎼⎽―﹣－‐⁃—–•‑‒−·",
    "@": "﹫＠",
    "$": "﹩＄",
    "!": "ǃ︕﹗！",
    "#": "﹟＃",
    "%": "﹪％",
    "&": "﹠＆",
    ",": "‚﹐﹑，､、",
    "(": "❨❪﹙（⟮⦅",
    ")": "❩❫﹚）⟯⦆",
    "*": "⁎∗⊛✢✣✤✥✱✲✳✺✻✼✽❃❉❊❋⧆﹡＊",
    "+": "˖﹢＋",
    ".": "。﹒．｡",
    ":": "ː˸⦂꞉︓：",
    ";": "⁏︔﹔；",
    "<": "﹤＜‹",
    "=": "꞊﹦＝",
    ">": "﹥＞›",
    "?": "︖﹖？",
    "^": "ˆ＾",
    "{": "❴﹛｛",
    "}": "❵﹜｝",
    "[": "［",
    "]": "］",
    "~": "˜˷∼～",
    "!!": "‼",
    "...": "…",
    "1/4": "¼",
    "1/2": "½",
    "3/4": "¾",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    "\t\v\x80\x85\x8d\x90\x9b\x9f",
    # small capitals of phonetic alphabets
    "A": "ᴀ",
    "B": "ʙ",
    "C": "ᴄ",
    "D": "ᴅÐĐ",
    "E": "ᴇ",
    "F": "ꜰ",
    "G": "ɢ",
    "H": "ʜĦ",
    "I": "ɪ",
    "J": "ᴊ",
    "K": "ᴋ",
    "L": "ʟŁ",
    "M": "ᴍ",
    "N": "ɴ",
    "O": "ᴏ",
    "P": "ᴘ",
    "R": "ʀ",
    "S": "ꜱ",
    "T": "ᴛŦ",
    "U": "ᴜ",
    "V": "ᴠ",
    "W": "ᴡ",
    "Y": "ʏ",
    "Z": "ᴢ",
    # letters without a decomposition
    "d": "ðđ",
    "h": "ħ",
    "i": "ı",
    "l": "ł",
    "t": "ŧ",
    "o": "º°",
    "a": "ª",
    "c": "¢",
    "oe": "œ",
    "OE": "Œ",
    "th": "þ",
    "Th": "Þ",
    "SS": "ẞ",
    "n": "ŉ",
    "x": "×",
    "->": "→",
    "<-": "←",
    "(c)": "©",
    "(R)": "®",
    "u": "µ",
}
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))  # capitals that look like ours

LOOK_ALIKES = {char: written for written, chars in _LOOK_ALIKES.items() for char in chars} | _GREEK
"""What one character is written with; every value is GSM-7."""


def written(char: str) -> str:
    """Return one character in GSM-7: itself, a look-alike, its letter without the accent, nothing, or `?`."""
    if char in BASIC or char in EXTENSION:
        return char
    if (found := LOOK_ALIKES.get(char)) is not None:
        return found
    parts = unicodedata.normalize("NFKD", char)
    if parts != char:
        return "".join(written(part) for part in parts)
    if unicodedata.name(char, "").startswith("GREEK SMALL LETTER"):
        return written(char.upper())
    # marks, controls, invisible ones and pictures go; a letter or a sign of money leaves a trace
    return "" if unicodedata.category(char) in _DROPPED else UNKNOWN
