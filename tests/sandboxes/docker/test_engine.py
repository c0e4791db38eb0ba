"""An engine that dies: an infrastructure error at once, whatever was under way."""

import asyncio
import contextlib
import gc
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandboxes.docker import Config, build
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec


@pytest.fixture
def mortal_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """An engine with an empty image, alone with its containers in a PID and a mount namespace that die with it."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("starting a Docker engine needs root and dockerd")
    work = Path(tempfile.mkdtemp(dir="/tmp"))  # a socket's path must be short
    group = f"unhobble-test-{secrets.token_hex(4)}"
    host = f"unix://{work}/docker.sock"
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "dockerd", "--host", host, "--data-root", f"{work}/data", "--exec-root", f"{work}/exec", "--pidfile", f"{work}/pid",
             "--cgroup-parent", f"/{group}", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(300):
            if (work / "docker.sock").exists():
                break
            time.sleep(0.1)
        empty = tmp_path / "empty.tar"
        empty.write_bytes(bytes(10_240))
        subprocess.run(["docker", "--host", host, "import", str(empty), "empty:1"], check=True, capture_output=True)
        monkeypatch.setenv("DOCKER_HOST", host)
        yield process
    finally:
        process.kill()
        process.wait()
        for directory in sorted(Path("/sys/fs/cgroup").glob(f"**/{group}/**/"), reverse=True):
            with contextlib.suppress(OSError):
                directory.rmdir()
        shutil.rmtree(work, ignore_errors=True)


async def run(sandbox: Any, *argv: str) -> Any:
    return await sandbox.exec(argv, timeout_s=60, output_bytes=65_536)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the SDK leaves one for each attempt that fails
async def test_an_engine_that_dies_is_an_infrastructure_error_at_once(mortal_engine: subprocess.Popen[bytes]) -> None:
    provider = build(Config(image="empty:1"))
    sandbox = await provider.open(SandboxSpec(), label="doomed")
    # The image is empty: its only program is the keeper, which runs for nobody but the engine.
    assert (await run(sandbox, "/opt/unhobble/keeper")).exit_code == 2
    task = asyncio.ensure_future(sandbox.exec(["/opt/unhobble/keeper"], stdin=b"", timeout_s=1000, output_bytes=1000))
    mortal_engine.kill()
    mortal_engine.wait()
    async with asyncio.timeout(30):
        with contextlib.suppress(SandboxError):
            await task
        with pytest.raises(SandboxError, match="gone"):
            await run(sandbox, "/opt/unhobble/keeper")
        with pytest.raises(SandboxError, match="Docker engine"):
            await provider.open(SandboxSpec(), label="next")
        with pytest.raises(SandboxError, match="Docker engine"):
            await provider.sweep()
        assert not (await provider.check()).available
        await provider.close()
    gc.collect()
