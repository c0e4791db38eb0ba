"""The operator's parameters of sandboxes: read, checked at the start, and handed on to the controller's process."""

import json

import pytest

from service.app import create_app
from service.commands.terminal import load_settings
from service.settings import Settings
from unhobble.errors import BadInput
from unhobble.vocabulary import PluginKind


def test_without_parameters_no_backend_is_loaded_for_them():
    from unhobble.registry import installed

    assert Settings().registry() is installed()


def test_the_parameters_reach_the_backend(monkeypatch):
    monkeypatch.setenv("UNHOBBLE_SANDBOXES", '{"docker": {"runtime": "runsc"}}')
    provider = load_settings().registry().build(PluginKind.sandbox, "docker")
    assert provider._config.runtime == "runsc"


@pytest.mark.parametrize("text", ["{", "[1]", "3", '{"docker": 3}'])
def test_what_is_no_object_of_objects_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("UNHOBBLE_SANDBOXES", text)
    with pytest.raises(BadInput) as caught:
        load_settings()
    assert all(issue.path.startswith("UNHOBBLE_SANDBOXES") for issue in caught.value.issues)


def test_everything_wrong_with_the_parameters_is_said_before_the_service_starts(monkeypatch):
    wrong = {"docker": {"runtme": "runsc", "start_timeout_s": -1}, "podman": {}}
    with pytest.raises(BadInput) as caught:
        create_app(Settings(sandboxes=wrong))
    assert {issue.path for issue in caught.value.issues} == {
        "UNHOBBLE_SANDBOXES.docker.runtme",
        "UNHOBBLE_SANDBOXES.docker.start_timeout_s",
        "UNHOBBLE_SANDBOXES.podman",
    }


def test_a_process_with_these_variables_has_the_same_settings(monkeypatch, tmp_path):
    settings = Settings(
        sandboxes={"docker": {"image": 'a"b', "start_timeout_s": 5}}, workers=3, database_url=f"sqlite:///{tmp_path}/x"
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
    assert json.loads(settings.environment()["UNHOBBLE_SANDBOXES"]) == settings.sandboxes
