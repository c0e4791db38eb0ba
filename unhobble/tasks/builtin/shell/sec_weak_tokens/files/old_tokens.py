"""Tokens for password resets, as the old workers make them. Replaced by secrets.choice() over the same ALPHABET."""

import os
import time

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_"


class Tokens:
    """A worker process makes one of these when it starts, and takes all its tokens from it."""

    def __init__(self):
        self.state = (int(time.time()) + os.getpid()) % 2**31

    def new(self):
        token = ""
        for _ in range(12):
            self.state = (self.state * 1103515245 + 12345) % 2**31
            token += ALPHABET[(self.state >> 16) % len(ALPHABET)]
        return token
