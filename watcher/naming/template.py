"""The grammar of name patterns: strftime's directives for times, fields in braces, optional parts in angles.

    <{**}/>{camera}_{channel}_%Y%m%d%H%M%S        Front_00_20260125173000
    %Y-%m-%d/{channel}/dav/%H/%H.%M.%S-{end:%H.%M.%S}[{tags}]{*}

A pattern is matched against a whole key without its suffix, in either case of letters. Where a field stands twice,
both must say the same. `guide/naming.md` explains every field to those who write their own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

# Directives of strftime, here as what they match. `-` before the letter: without a leading zero.
_DIRECTIVES = {
    "Y": r"(?:19|20)\d\d",
    "y": r"\d\d",
    "m": r"\d\d",
    "d": r"\d\d",
    "H": r"\d\d",
    "I": r"\d\d",
    "M": r"\d\d",
    "S": r"\d\d",
    "f": r"\d{1,9}",
    "p": "[AP]M",
    "z": r"Z|[+-]\d\d[:_]?\d\d",
    "Z": "[A-Z]{2,5}",
    "s": r"1\d{9}",
}
_UNPADDED = frozenset("mdHI")
_FIELDS = {
    "camera": r"[^/]+?",
    "channel": r"\d+",
    "duration": r"\d+",
    "tags": r"[^/]*?",
    "dst": "DST",
    "n": r"\d+",
    "hex": "[0-9A-F]+",
    "sep": r"[-_.: T,]?",
    "*": r"[^/]*?",
    "**": r".+?",
}
_DIGITS = frozenset("YymdHIMSfs") | {"channel", "duration", "n"}
_TEXT = frozenset({"camera", "tags", "*", "**", "hex"})
_VARIABLE_DIGITS = frozenset({"channel", "duration", "n", "f", "-m", "-d", "-H", "-I", "hex"})
_OPTIONAL_LIMIT = 8
_AS_ZEROS = str.maketrans("123456789", "0" * 9)


class TemplateError(ValueError):
    """A pattern cannot match anything, or can be read in more than one way; the message says why."""


class Token(NamedTuple):
    """One part of a pattern."""

    kind: str  # "literal", "optional", a directive's letter (with "-" where unpadded) or a field's name
    text: str = ""  # of a literal
    end: bool = False  # of the clip's end
    inside: tuple[Token, ...] = ()  # of an optional part


class Fields(NamedTuple):
    """What a pattern read in a key; the times as text by directive."""

    start: dict[str, str]
    end: dict[str, str]
    words: dict[str, str]  # camera, channel, duration, tags, dst, and ** for the folders above


class Template:
    """A pattern, compiled. Raises TemplateError for one that makes no sense."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _parse(text)
        self.directives = {token.kind.lstrip("-") for token in _flat(self.tokens) if not token.end}
        self.end_directives = {token.kind.lstrip("-") for token in _flat(self.tokens) if token.end}
        self._check()
        self._names: dict[str, Token] = {}  # group → token
        pieces = [self._pattern(token, before) for before, token in _with_before(self.tokens)]
        self._pieces = [piece + _closing(self.tokens[at : at + 2]) for at, piece in enumerate(pieces)]
        whole = "".join(self._pieces)
        self._match = re.compile(whole, re.IGNORECASE | re.DOTALL).fullmatch
        self._shape: re.Pattern[str] | None = None

    def fits_shape(self, shape: str) -> bool:
        """Whether a name could match whose digits are all written as 0: most patterns fail by their form alone."""
        if self._shape is None:
            loose = Template.__new__(Template)
            loose._names = {}
            tokens = _zeroed(self.tokens)
            pieces = [loose._pattern(token, before, loose=True) for before, token in _with_before(tokens)]
            pattern = "".join(piece + _closing(tokens[at : at + 2]) for at, piece in enumerate(pieces))
            self._shape = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        return self._shape.fullmatch(shape) is not None

    def match(self, stem: str) -> Fields | None:
        """What the pattern reads in a key without its suffix; None if it does not match."""
        match = self._match(stem)
        if match is None:
            return None
        fields = Fields({}, {}, {})
        for group, token in self._names.items():
            value = match[group]
            kind = token.kind.lstrip("-")
            if kind == "dst":
                value = value or ""  # a flag that is not there says something too
            elif value is None:
                continue
            into = fields.words if kind in _FIELDS else fields.end if token.end else fields.start
            if kind not in {"*", "n", "sep", "hex"} and into.setdefault(kind, value) != value:
                return None
        return fields

    def reach(self, stem: str) -> tuple[str, str]:
        """How far a name fits that does not match: the part that does, and what the pattern wants next."""
        for count in range(len(self._pieces) - 1, 0, -1):
            pattern = re.compile("".join(self._pieces[:count]), re.IGNORECASE | re.DOTALL)
            if match := pattern.match(stem):
                return match[0], _shown(self.tokens[count])
        return "", _shown(self.tokens[0])

    def _pattern(self, token: Token, before: Token | None, *, loose: bool = False) -> str:
        if token.kind == "literal":
            return re.escape(token.text)
        if token.kind == "optional":
            inside = [
                self._pattern(inner, prior, loose=loose) for prior, inner in _with_before(token.inside, before)
            ]
            closed = "".join(piece + _closing(token.inside[at : at + 2]) for at, piece in enumerate(inside))
            return f"(?:{closed})?"
        group = f"g{len(self._names)}"
        self._names[group] = token
        if token.kind in _FIELDS:
            body = _FIELDS[token.kind]
        elif token.kind.startswith("-"):
            body = r"\d\d?"
        else:
            shapes = {"Y": r"\d{4}", "s": r"\d{10}"} if loose else {}
            body = shapes.get(token.kind, _DIRECTIVES[token.kind])
        # Digits that follow free text begin where the text's own digits end.
        guard = r"(?<!\d)" if token.kind.lstrip("-") in _DIGITS and _is_loose(before) else ""
        return f"{guard}(?P<{group}>{body})"

    def _check(self) -> None:
        """Refuse what can match nothing, or in more than one way."""
        if self.text.startswith("/") or "//" in self.text:
            raise TemplateError("a pattern begins at the video root, without a slash, and has no empty folder")
        if re.search(r"\.(?:mp4|m4v|mov|mkv|avi|jpe?g|ts|webm)$", self.text, re.IGNORECASE):
            raise TemplateError("leave out the suffix: a pattern is matched against the name without it")
        for tokens in _expansions(self.tokens):
            for first, second in itertools.pairwise(tokens):
                texts = first.kind in _TEXT and second.kind in _TEXT
                digits = first.kind in _VARIABLE_DIGITS and second.kind in _VARIABLE_DIGITS
                if texts or digits:
                    raise TemplateError(
                        f"ambiguous: {_shown(first)} and {_shown(second)} stand side by side, so nobody can tell "
                        "where one ends and the other begins"
                    )
        for directives, which in ((self.directives, ""), (self.end_directives, " of the end")):
            if "I" in directives and "p" not in directives:
                raise TemplateError(f"ambiguous: %I{which} has 12 hours and needs %p")
            if {"H", "I"} <= directives or {"Y", "y"} <= directives:
                raise TemplateError(f"it cannot match: two ways of writing the same thing{which}")


def as_shape(stem: str) -> str:
    """A name with every digit as 0: names of one camera mostly have the same shape."""
    return stem.translate(_AS_ZEROS)


def _parse(text: str) -> tuple[Token, ...]:
    tokens, rest = _tokens(text, 0, end=False, closing="")
    if rest != len(text):
        raise TemplateError(f"unexpected {text[rest]!r} at character {rest + 1}")
    if sum(token.kind == "optional" for token in _flat(tokens, optional=True)) > _OPTIONAL_LIMIT:
        raise TemplateError(f"more than {_OPTIONAL_LIMIT} optional parts")
    return tokens


def _tokens(text: str, at: int, *, end: bool, closing: str) -> tuple[tuple[Token, ...], int]:
    tokens: list[Token] = []
    literal = ""

    def flush() -> None:
        nonlocal literal
        if literal:
            tokens.append(Token("literal", literal))
            literal = ""

    while at < len(text):
        char = text[at]
        if char == closing:
            break
        if char == "%":
            letter = text[at + 1 : at + 3] if text[at + 1 : at + 2] == "-" else text[at + 1 : at + 2]
            at += 1 + len(letter)
            if letter == "%":
                literal += "%"
                continue
            if letter.lstrip("-") not in _DIRECTIVES or (letter[:1] == "-" and letter[1:] not in _UNPADDED):
                raise TemplateError(
                    f"there is no directive %{letter}; known: {' '.join('%' + d for d in _DIRECTIVES)}"
                )
            flush()
            tokens.append(Token(letter, end=end))
        elif text.startswith("{end:", at):
            flush()
            inside, at = _tokens(text, at + 5, end=True, closing="}")
            if text[at : at + 1] != "}":
                raise TemplateError("{end: is not closed")
            tokens.extend(inside)
            at += 1
        elif char == "{":
            name = text[at + 1 :].partition("}")[0]
            if name not in _FIELDS:
                raise TemplateError(f"there is no field {{{name}}}; known: {' '.join(f'{{{f}}}' for f in _FIELDS)}")
            flush()
            tokens.append(Token(name))
            at += len(name) + 2
        elif char == "<":
            flush()
            inside, at = _tokens(text, at + 1, end=end, closing=">")
            if text[at : at + 1] != ">":
                raise TemplateError("a < is not closed by >")
            tokens.append(Token("optional", inside=inside))
            at += 1
        elif char in ">}":
            raise TemplateError(f"unexpected {char!r} at character {at + 1}")
        else:
            literal += char
            at += 1
    flush()
    return tuple(tokens), at


def _flat(tokens: tuple[Token, ...], *, optional: bool = False) -> Iterator[Token]:
    for token in tokens:
        if token.kind == "optional":
            if optional:
                yield token
            yield from _flat(token.inside, optional=optional)
        else:
            yield token


def _expansions(tokens: tuple[Token, ...]) -> Iterator[list[Token]]:
    """The pattern with each choice of its optional parts."""
    choices: list[list[list[Token]]] = []
    for token in tokens:
        if token.kind == "optional":
            choices.append([[], *_expansions(token.inside)])
        else:
            choices.append([[token]])
    for choice in itertools.product(*choices):
        yield list(itertools.chain.from_iterable(choice))


def _with_before(tokens: tuple[Token, ...], before: Token | None = None) -> Iterator[tuple[Token | None, Token]]:
    for token in tokens:
        yield before, token
        if token.kind != "sep":  # it may be empty: what stands before it then stands before the next
            before = token


def _is_loose(token: Token | None) -> bool:
    """Whether a token can end with any text, digits included."""
    if token is not None and token.kind == "optional":
        return bool(token.inside) and _is_loose(token.inside[-1])
    return token is not None and token.kind in _TEXT


def _closing(pair: tuple[Token, ...]) -> str:
    """Digits that free text follows end where the digits end."""
    return r"(?!\d)" if len(pair) == 2 and pair[0].kind in _DIGITS and pair[1].kind in _TEXT else ""


def _zeroed(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    return tuple(t._replace(text=as_shape(t.text), inside=_zeroed(t.inside)) for t in tokens)


def _shown(token: Token) -> str:
    """A part of a pattern as it is written."""
    if token.kind == "literal":
        return repr(token.text)
    if token.kind == "optional":
        return "<" + "".join(_shown(inner).strip("'") for inner in token.inside) + ">"
    shown = f"{{{token.kind}}}" if token.kind in _FIELDS else f"%{token.kind}"
    return f"{{end:{shown}}}" if token.end else shown
