"""Documents that cannot be read are refused with the place where they go wrong."""

import pytest

from service.commands.documents import parse_document, read_document, read_export
from unhobble.errors import BadInput


def test_a_syntax_error_is_shown_with_line_and_column():
    with pytest.raises(BadInput, match=r"study.yaml is neither YAML nor JSON: .* at line 2, column 3"):
        parse_document("a: b\n c: : d\n", "study.yaml")


@pytest.mark.parametrize("text", ["a: [1", "\x00", "{" * 5000, "a: *nowhere", "a: !!python/object:os.system x"])
def test_whatever_cannot_be_read_is_bad_input(text):
    with pytest.raises(BadInput, match="neither YAML nor JSON"):
        parse_document(text, "study.yaml")


def test_json_is_read_as_well():
    assert parse_document('{"a": [1, null]}', "study.json") == {"a": [1, None]}


def test_a_file_that_is_not_there_or_not_text_is_bad_input(tmp_path):
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BadInput, match="No such file"):
        read_document(tmp_path / "nothing")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_document(tmp_path / "picture")
    with pytest.raises(BadInput, match="directory"):
        read_document(tmp_path)


def test_an_export_with_missing_fields_is_refused_with_all_of_them(tmp_path):
    (tmp_path / "best.yaml").write_text("format: 1\nstudy: x\n")
    with pytest.raises(BadInput) as caught:
        read_export(tmp_path / "best.yaml")
    assert {"configuration", "held_out_tasks", "seed"} <= {issue.path for issue in caught.value.issues}
