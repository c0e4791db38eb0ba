"""What a folder can say of the sandbox that its task needs."""

import pytest
import yaml

from unhobble.errors import BadInput
from unhobble.sandboxing import SandboxNeeds, SandboxSpec
from unhobble.tasks.folder import FolderSuite, FolderTask

TASK = {"family": "f", "human_minutes": 1, "human_minutes_source": "estimate", "instruction": "Do it.", "solution": ["true"]}
SUITE = {"title": "t", "version": "1", "description": "d", "human_minutes_note": "n"}


@pytest.fixture
def folder(tmp_path):
    def write(**sandbox):
        task = tmp_path / "suite" / "task"
        (task / "tests").mkdir(parents=True, exist_ok=True)
        (task / "task.yaml").write_text(yaml.safe_dump(TASK | ({"sandbox": sandbox} if sandbox else {})))
        (task.parent / "suite.yaml").write_text(yaml.safe_dump(SUITE))
        return task

    return write


def dockerfile(task, text="FROM scratch\n"):
    (task / "environment").mkdir(exist_ok=True)
    (task / "environment" / "Dockerfile").write_text(text)


def test_a_task_needs_nothing_beyond_what_the_study_gives_unless_it_says_so(folder):
    assert FolderTask(folder()).needs == SandboxNeeds()
    needs = FolderTask(folder(memory_bytes=2**31, hosts=["pypi.org"])).needs
    assert SandboxSpec(network="allowlist").for_task(needs).memory_bytes == 2**31
    assert needs.hosts == ("pypi.org",)


def test_what_cannot_be_needed_is_refused_with_its_path(folder):
    with pytest.raises(BadInput) as caught:
        FolderTask(folder(cpus=-1, hosts=["not a host"], gpus=1))
    assert {issue.path for issue in caught.value.issues} == {
        "task/task.yaml.sandbox.cpus",
        "task/task.yaml.sandbox.hosts.0",
        "task/task.yaml.sandbox.gpus",
    }


def test_an_environment_is_the_image_that_the_task_needs_and_part_of_the_suite_s_digest(folder):
    task = folder()
    before = FolderSuite("s", task.parent).digest
    dockerfile(task)
    assert FolderTask(task).needs.image == f"build:{task / 'environment'}"
    first = FolderSuite("s", task.parent).digest
    dockerfile(task, "FROM scratch\nENV A=1\n")
    assert len({before, first, FolderSuite("s", task.parent).digest}) == 3


def test_an_environment_beside_an_image_or_without_a_dockerfile_is_refused(folder):
    task = folder(image="mine:1")
    dockerfile(task)
    with pytest.raises(BadInput, match="keep one"):
        FolderTask(task)
    folder()
    (task / "environment" / "Dockerfile").unlink()
    with pytest.raises(BadInput, match="has no Dockerfile"):
        FolderTask(task)
