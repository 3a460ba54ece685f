"""Names of images, and what decides them."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from lab import library
from lab.backends import image_packages, images
from lab.errors import HostNotCapable
from lab.lock_file import requirements


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout that images are named after."""
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "docker" / "requirements.lock").write_text("typer==1 \\\n    --hash=sha256:00\n")
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "one.py").write_text("")
    monkeypatch.setattr(library, "_PACKAGE", tmp_path / "lab")
    monkeypatch.setattr(library, "_INSTALLED", tmp_path / "lab" / "_library")
    return tmp_path


def test_tags_are_stable_and_differ_by_kind(checkout: Path) -> None:
    tags = [images.tag(kind) for kind in images.KINDS]
    assert tags == [images.tag(kind) for kind in images.KINDS]
    assert len(set(tags)) == len(images.KINDS)
    assert tags[0].startswith("lab-client:")


@pytest.mark.parametrize(
    "name", ["docker/Dockerfile", "docker/requirements.lock", "lab/one.py", "lab/catalog/new.yaml"]
)
def test_whatever_goes_in_changes_every_tag(checkout: Path, name: str) -> None:
    before = {images.tag(kind) for kind in images.KINDS}
    path = checkout / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("something else")
    assert not before & {images.tag(kind) for kind in images.KINDS}


def test_scenarios_change_the_image_of_the_whole_lab_only(checkout: Path) -> None:
    before = {kind: images.tag(kind) for kind in images.KINDS}
    (checkout / "scenarios").mkdir()
    (checkout / "scenarios" / "new.yaml").write_text("topology: home-nat")
    assert [kind for kind in images.KINDS if images.tag(kind) != before[kind]] == [images.LAB]


def test_a_renamed_source_changes_the_tag(checkout: Path) -> None:
    before = images.tag("server")
    (checkout / "lab" / "one.py").rename(checkout / "lab" / "two.py")
    assert images.tag("server") != before


def test_byte_code_does_not_change_the_tag(checkout: Path) -> None:
    before = images.tag("server")
    (checkout / "lab" / "__pycache__").mkdir()
    (checkout / "lab" / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"\0")
    assert images.tag("server") == before


def test_in_an_image_there_is_nothing_to_build_from(checkout: Path) -> None:
    (checkout / "docker" / "Dockerfile").unlink()
    with pytest.raises(HostNotCapable, match="outside of containers"):
        images.tag("server")


def test_a_lock_file_is_cut_by_package() -> None:
    one, two = "a==1 ; python_full_version < '3.11' \\\n    --hash=sha256:0\n", "a==2 \\\n    --hash=sha256:1\n"
    lock = f"# made by\n{one}{two}b-c==3 \\\n    --hash=sha256:2\n"
    cut = requirements(lock)
    assert list(cut) == ["a", "b-c"]
    assert cut["a"] == one + two


def test_every_package_named_in_the_sets_is_in_the_lock_file() -> None:
    cut = requirements((library.root() / images._LOCK).read_text("utf-8"))
    assert not {name for names in image_packages.SETS.values() for name in names} - cut.keys()


def test_the_lock_file_of_the_images_is_for_their_python_alone() -> None:
    """A marker would be judged by the Python that fetches the packages, which may be another."""
    lines = (library.root() / images._LOCK).read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith((" ", "#")) and ";" in line] == []


def test_an_installed_lab_has_the_same_tags(checkout: Path) -> None:
    """The wheel lays the same files elsewhere, and they make the same images."""
    (checkout / "scenarios").mkdir()
    (checkout / "scenarios" / "one.yaml").write_text("topology: home-nat")
    before = [images.tag(kind) for kind in images.KINDS]
    (checkout / "lab" / "_library").mkdir()
    for name in ("docker", "scenarios"):
        (checkout / name).rename(checkout / "lab" / "_library" / name)
    assert [images.tag(kind) for kind in images.KINDS] == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves its socket open
def test_without_docker_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(
        HostNotCapable, match=r"^no Docker daemon answers at .*nobody\.sock \(No such file or directory\); "
    ):
        images.missing()
    gc.collect()  # here, where the warning is expected
