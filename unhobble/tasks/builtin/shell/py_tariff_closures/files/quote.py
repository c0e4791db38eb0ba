"""Usage: python3 quote.py TARIFF GRAMS [GRAMS ...]"""

import sys

import tariffs


def main():
    name, *weights = sys.argv[1:]
    cents = tariffs.total(tariffs.build()[name], [int(weight) for weight in weights])
    print(f"{name}: {cents // 100}.{cents % 100:02d}")


if __name__ == "__main__":
    main()
