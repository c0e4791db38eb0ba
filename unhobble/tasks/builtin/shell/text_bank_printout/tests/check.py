"""The postings and balances that a bank's paged printout holds."""

import csv
from pathlib import Path

POSTINGS = '''\
account,currency,date,reference,text,amount
0012-778,EUR,2023-11-15,K000708,Überweisung an Bäckerei Weiß Verwendung: Brötchen,0.17
0012-778,EUR,2023-11-18,K000710,"Kartenzahlung ""Zur Post""",1795103.56
0012-778,EUR,2023-12-01,K000718,PAGE 3 Fotobücher,-0.44
0012-778,EUR,2023-12-04,M000724,Spende,-518.11
0012-778,EUR,2023-12-05,K000729,Storno-Gebühr,-734.68
0012-778,EUR,2023-12-08,M000731,"Einzahlung 1.000,00",-0.33
0012-778,EUR,2023-12-20,L000736,Kopie Auszug OPENING BALANCE,-134.04
0012-778,EUR,2023-12-26,M000743,Gutschrift Rechnung 4711/12 vom Vormonat,-0.61
0012-778,EUR,2024-01-02,L000751,"Kartenzahlung ""Zur Post""",-980685.00
0012-778,EUR,2024-01-03,L000760,Gutschrift Rechnung 4711/12 vom Vormonat,0.40
0012-778,EUR,2024-01-17,L000771,Überweisung an Bäckerei Weiß Verwendung: Brötchen,-285.73
0012-778,EUR,2024-01-19,K000775,Rücklastschrift ---- ohne Grund ----,-10.89
0012-778,EUR,2024-01-27,L000777,Gutschrift Rechnung 4711/12 vom Vormonat,491.19
0012-778,EUR,2024-02-14,M000786,Lastschrift Stadtwerke,0.04
0012-779,EUR,2023-11-15,L000787,Kopie Auszug OPENING BALANCE,-0.32
0012-779,EUR,2023-12-03,M000790,Gutschrift Rechnung 4711/12 vom Vormonat,0.18
0012-779,EUR,2023-12-11,K000803,Zins 15.12.2023,707.12
0012-779,EUR,2023-12-13,L000806,PAGE 3 Fotobücher,316.33
0012-779,EUR,2023-12-25,M000813,"Miete, Lager 3",511.48
0012-779,EUR,2023-12-26,K000818,"Einzahlung 1.000,00",653.57
0012-779,EUR,2024-01-01,M000826,"Einzahlung 1.000,00",-173.66
0012-779,EUR,2024-01-12,M000833,Gutschrift Rechnung 4711/12 vom Vormonat,290.52
0012-779,EUR,2024-01-12,M000838,Rücklastschrift ---- ohne Grund ----,285.96
0012-779,EUR,2024-02-14,K000843,Spende,109.90
0440-003,JPY,2023-11-15,K000851,PAGE 3 Fotobücher,-179418793
0440-003,JPY,2023-11-26,M000856,Storno-Gebühr,181612340
0440-003,JPY,2023-11-28,K000858,Gebühr Kontoführung,26351
0440-003,JPY,2023-12-01,K000708,Storno Fremdkonto,4500
0440-003,JPY,2023-12-02,L000867,Lastschrift Stadtwerke,61746
0440-003,JPY,2023-12-13,K000873,Storno-Gebühr,-31293
0440-003,JPY,2023-12-16,L000874,"Miete, Lager 3",-48
0440-003,JPY,2023-12-26,M000876,Kopie Auszug OPENING BALANCE,-73
0440-003,JPY,2024-02-01,L000877,Gebühr Kontoführung,96
0440-003,JPY,2024-02-14,K000886,PAGE 3 Fotobücher,16189
0440-101,KWD,2023-11-15,K000890,Zins 15.12.2023,-73.749
0440-101,KWD,2023-11-25,M000895,"Einzahlung 1.000,00",0.068
0440-101,KWD,2023-11-28,L000899,Überweisung an Bäckerei Weiß Verwendung: Brötchen,0.020
0440-101,KWD,2024-01-15,K000905,Spende,-24.181
0440-101,KWD,2024-01-21,L000910,Überweisung an Bäckerei Weiß Verwendung: Brötchen,79.297
0440-101,KWD,2024-01-22,K000919,Kopie Auszug OPENING BALANCE,-45.129
0440-101,KWD,2024-02-11,M000924,BALANCE of goods sold,-0.030
0440-101,KWD,2024-02-14,L000927,Spende,-64.233
0999-000,CHF,2023-11-15,L000936,Überweisung an Bäckerei Weiß Verwendung: Brötchen,0.46
0999-000,CHF,2023-12-06,K000944,BALANCE of goods sold,-0.36
0999-000,CHF,2023-12-21,M000946,Zins 15.12.2023,-409.65
0999-000,CHF,2024-01-16,L000960,ACCOUNT closed by client,1063000.58
0999-000,CHF,2024-02-05,K000961,"Kartenzahlung ""Zur Post""",923.15
0999-000,CHF,2024-02-06,L000964,Zins 15.12.2023,47.99
0999-000,CHF,2024-02-09,M000969,Storno-Gebühr,-660.34
0999-000,CHF,2024-02-10,M000973,BALANCE of goods sold,-0.08
0999-000,CHF,2024-02-14,L000979,Lastschrift Stadtwerke,-0.35
'''
BALANCES = '''\
account,holder,currency,opening,closing,difference
0012-778,"Müller & Söhne ""Feinkost""",EUR,1234.56,814460.09,0.00
0012-779,"Ærø Kahn, Inh. Bjørn Ås",EUR,-0.60,-2700.48,-5400.96
0440-003,Kanda Trading KK,JPY,9800000,12071015,0
0440-101,"Al Ahmadi, Öl und Gas",KWD,5000.250,4881.313,9.000
0999-000,Überweisungskonto Zürich,CHF,-750.05,1062151.35,0.00
0999-001,Leerkonto Nr. 7,EUR,0.00,0.00,0.00
'''


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(keepends=True)))


def _read(name: str) -> str:
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    data = path.read_bytes()
    assert b"\r" not in data, f"{name} contains carriage returns"
    assert data.endswith(b"\n"), f"the last line of {name} does not end in a line feed"
    return data.decode("utf-8")


def _compare(name: str, expected: str) -> None:
    found, wanted = _rows(_read(name)), _rows(expected)
    assert found[:1] == wanted[:1], f"the header of {name} is {found[:1]}"
    for number, (have, want) in enumerate(zip(found, wanted), 1):
        assert have == want, f"row {number} of {name} is {have}, expected {want}"
    assert len(found) == len(wanted), f"{name} has {len(found)} rows with its header, expected {len(wanted)}"


def test_which_postings():
    found = [row[:1] + row[3:4] for row in _rows(_read("postings.csv"))]
    wanted = [row[:1] + row[3:4] for row in _rows(POSTINGS)]
    extra = [row for row in found if row not in wanted]
    missing = [row for row in wanted if row not in found]
    assert not extra and not missing, f"postings too many: {extra[:5]}; missing: {missing[:5]}"


def test_postings():
    _compare("postings.csv", POSTINGS)


def test_balances():
    _compare("balances.csv", BALANCES)
