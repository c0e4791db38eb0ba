python3 - <<'PY'
rows = [
    ("Nr", "Kunde", "Text", "Betrag"),
    ("2024-001", "Müller & Söhne", "Beratung", "1.234,50"),
    ("2024-002", "Café Zürich", "Kaffee; 20 kg", "312,00"),
    ("2024-003", "Ångström AB", "Wartung – Quartal 1", "2.000.000,05"),
    ("2024-004", "Müller & Söhne", 'Schild "Büro"', "99,90"),
    ("2024-005", "Café Zürich", "Gutschrift", "-12,35"),
    ("2024-006", "Ångström AB", "Lieferung\nin zwei Teilen", "0,10"),
    ("2024-007", "Œuvre S.A.", "Druck", "1.000,00"),
    ("2024-008", "Müller & Söhne", "Skonto", "-0,07"),
    ("2024-009", "Œuvre S.A.", "Gutschrift", "-1.000,00"),
    ("2024-010", "Ångström AB", "Porto", "7,20 €"),
    ("2024-011", "Café Zürich", "Muster", "0,00 €"),
    ("2024-012", "Zoë’s; Tee", "Tasse", "14,99"),
]


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ';"\n') else cell


with open("invoices.csv", "w", encoding="cp1252", newline="") as out:
    for row in rows:
        out.write(";".join(quoted(cell) for cell in row) + "\r\n")
PY
