"""Tokens -> a tree of tuples.

    ("value", v)  ("cell", address)  ("range", address, address)  ("unary", op, x)  ("percent", x)
    ("binary", op, x, y)  ("call", NAME, [arguments])
"""

from . import refs, values
from .lexer import BadFormula, tokenize

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
CONSTANTS = {"TRUE": True, "FALSE": False}
ERRORS = {error.code: error for error in (values.REF, values.DIV0, values.NAME, values.VALUE)}


class Parser:
    def __init__(self, text):
        self.tokens = [token for token in tokenize(text) if token[0] != "space"]
        self.position = 0

    def peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def take(self):
        token = self.peek()
        self.position += 1
        return token

    def accept(self, *operators):
        kind, text = self.peek()
        if kind == "operator" and text in operators:
            self.position += 1
            return text
        return None

    def expect(self, operator):
        if not self.accept(operator):
            raise BadFormula(f"expected {operator!r}, found {self.peek()[1]!r}")

    def formula(self):
        tree = self.comparison()
        return tree

    def left_associative(self, operators, operand):
        tree = operand()
        while operator := self.accept(*operators):
            tree = ("binary", operator, tree, operand())
        return tree

    def comparison(self):
        return self.left_associative(COMPARISONS, self.concatenation)

    def concatenation(self):
        return self.left_associative(("&",), self.sum)

    def sum(self):
        return self.left_associative(("+", "-"), self.product)

    def product(self):
        return self.left_associative(("*", "/"), self.power)

    def signed(self):
        operator = self.accept("-", "+")
        if operator:
            return ("unary", operator, self.signed())
        return self.percentage()

    def power(self):
        return self.left_associative(("^",), self.signed)

    def percentage(self):
        tree = self.primary()
        while self.accept("%"):
            tree = ("percent", tree)
        return tree

    def primary(self):
        kind, text = self.take()
        if kind == "number":
            return ("value", float(text))
        if kind == "string":
            return ("value", text[1:-1])
        if kind == "error":
            if self.accept(":") and self.take()[0] not in ("reference", "error"):
                raise BadFormula("half a range")
            return ("value", ERRORS[text])
        if kind == "reference":
            first = refs.parse(text)
            if self.accept(":"):
                kind, text = self.take()
                if kind == "error":
                    return ("value", ERRORS[text])
                if kind != "reference":
                    raise BadFormula("half a range")
                return ("range", first, refs.parse(text))
            return ("cell", first)
        if kind == "word":
            if text.upper() in CONSTANTS:
                return ("value", CONSTANTS[text.upper()])
            return ("value", values.NAME)
        if kind == "function":
            return ("call", text.upper(), self.arguments())
        if (kind, text) == ("operator", "("):
            tree = self.comparison()
            self.expect(")")
            return tree
        raise BadFormula(f"unexpected {text!r}")

    def arguments(self):
        self.expect("(")
        if self.accept(")"):
            return []
        arguments = [self.comparison()]
        while self.accept(","):
            arguments.append(self.comparison())
        self.expect(")")
        return arguments


def parse(text):
    return Parser(text).formula()


def move(text, columns, rows):
    """The formula's text with its relative references moved."""
    return "".join(refs.shift(part, columns, rows) if kind == "reference" else part for kind, part in tokenize(text))
