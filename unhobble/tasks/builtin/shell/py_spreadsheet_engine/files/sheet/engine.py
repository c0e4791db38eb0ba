"""Holds the cells and computes their values."""

import operator
import re

from . import functions, parser, refs, values
from .lexer import BadFormula
from .values import Error

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARE = {"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def mentions(tree, address):
    """Does this formula refer to the cell?"""
    if tree[0] == "cell":
        return tree[1] == address
    if tree[0] == "range":
        return address in refs.rectangle(tree[1], tree[2])
    if tree[0] == "call":
        return any(mentions(argument, address) for argument in tree[2])
    return any(mentions(part, address) for part in tree if isinstance(part, tuple))


class Sheet:
    def __init__(self):
        self.contents = {}  # address -> the text as entered
        self.trees = {}  # address -> a parsed formula, or a value
        self.cache = {}  # address -> the computed value
        self.busy = []  # addresses that are being computed, outermost first
        self.cyclic = set()  # addresses found to lie on a cycle

    def set(self, address, content):
        self.contents.pop(address, None)
        self.trees.pop(address, None)
        if content:
            self.contents[address] = content
            self.trees[address] = self.read(content)
        self.cache.pop(address, None)
        for other, tree in self.trees.items():
            if mentions(tree, address):
                self.cache.pop(other, None)

    def read(self, content):
        if content.startswith("="):
            try:
                return parser.parse(content[1:])
            except BadFormula:
                return ("value", values.SYNTAX)
        if content.startswith("'"):
            return ("value", content[1:])
        if NUMBER.fullmatch(content):
            return ("value", float(content))
        if content.upper() in parser.CONSTANTS:
            return ("value", parser.CONSTANTS[content.upper()])
        return ("value", content)

    def copy(self, source, targets):
        content = self.contents.get(source, "")
        for target in targets:
            moved = content
            if content.startswith("="):
                try:
                    moved = "=" + parser.move(content[1:], target[0] - source[0], target[1] - source[1])
                except BadFormula:
                    pass
            self.set(target, moved)

    def value(self, address):
        """The value of one cell."""
        if address in self.cache:
            return self.cache[address]
        if address not in self.trees:
            return None
        if address in self.busy:
            self.cyclic.update(self.busy[self.busy.index(address) :])
            return values.CYCLE
        self.busy.append(address)
        try:
            result = self.evaluate(self.trees[address])
        finally:
            self.busy.pop()
        if address in self.cyclic:
            result = values.CYCLE
        if isinstance(result, list):
            result = values.VALUE
        self.cache[address] = result
        return result

    def evaluate(self, tree):
        kind = tree[0]
        if kind == "value":
            return tree[1]
        if kind == "cell":
            return self.value(tree[1])
        if kind == "range":
            return [self.value(address) for address in refs.rectangle(tree[1], tree[2])]
        if kind == "percent":
            x = values.to_number(self.single(tree[1]))
            return x if isinstance(x, Error) else x / 100
        if kind == "unary":
            x = values.to_number(self.single(tree[2]))
            return x if isinstance(x, Error) else (-x if tree[1] == "-" else x)
        if kind == "binary":
            return self.binary(tree[1], self.single(tree[2]), self.single(tree[3]))
        return self.call(tree[1], tree[2])

    def single(self, tree):
        value = self.evaluate(tree)
        return values.VALUE if isinstance(value, list) else value

    def binary(self, symbol, left, right):
        if isinstance(left, Error):
            return left
        if isinstance(right, Error):
            return right
        if symbol == "&":
            return values.to_text(left) + values.to_text(right)
        if symbol in COMPARE:
            return COMPARE[symbol](values.compare(left, right), 0)
        left, right = values.to_number(left), values.to_number(right)
        if isinstance(left, Error):
            return left
        if isinstance(right, Error):
            return right
        try:
            if symbol == "/":
                return left / right
            if symbol == "^":
                result = left**right
                return values.VALUE if isinstance(result, complex) else result
            return ARITHMETIC[symbol](left, right)
        except ZeroDivisionError:
            return values.DIV0
        except OverflowError:
            return values.VALUE

    def call(self, name, arguments):
        if name == "IF":
            if len(arguments) not in (2, 3):
                return values.VALUE
            condition, *branches = [self.single(argument) for argument in arguments]
            condition = values.to_condition(condition)
            if isinstance(condition, Error):
                return condition
            if condition:
                return branches[0]
            return branches[1] if len(branches) == 2 else False
        if name == "IFERROR":
            if len(arguments) != 2:
                return values.VALUE
            value = self.single(arguments[0])
            if isinstance(value, Error):
                return self.single(arguments[1])
            return value
        return functions.call(name, [self.evaluate(argument) for argument in arguments])
