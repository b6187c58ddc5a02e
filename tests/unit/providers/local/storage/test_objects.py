"""The object store: one behaviour on an S3 server and on a folder, and errors that name no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.local.storage.errors import ObjectStoreError
from providers.local.storage.objects import DELETE_BATCH, ObjectStore
from tests.s3 import BUCKET, SECRET, S3Server


@pytest.fixture(params=["s3", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return ObjectStore(str(tmp_path / "media"))
    request.getfixturevalue("s3")
    return ObjectStore(f"s3://{BUCKET}/some/prefix")


async def keys(store: ObjectStore, prefix: str = "") -> dict[str, int]:
    return dict([each async for each in store.objects(prefix)])


async def test_an_object_is_written_read_and_replaced(store: ObjectStore) -> None:
    await store.put("a/b.m4s", b"one")
    assert (await store.get("a/b.m4s"), store.read("a/b.m4s")) == (b"one", b"one")
    await store.put("a/b.m4s", b"")
    assert await store.get("a/b.m4s") == b""


async def test_objects_are_listed_and_deleted_below_a_prefix(store: ObjectStore) -> None:
    for key in ("a/1", "a/2/3", "ab/4"):
        await store.put(key, key.encode())
    assert await keys(store, "a/") == {"a/1": 3, "a/2/3": 5}
    await store.delete_below("a/")
    assert await keys(store) == {"ab/4": 4}
    await store.delete_below("never/")


async def test_missing_objects_are_an_error_to_read_and_none_to_delete(store: ObjectStore) -> None:
    await store.put("here", b"1")
    with pytest.raises(FileNotFoundError):
        await store.get("missing")
    with pytest.raises(FileNotFoundError):
        store.read("missing")
    await store.delete(["missing", "here", "missing too"])
    assert await keys(store) == {}


async def test_more_objects_than_a_request_deletes_are_deleted(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path))
    for number in range(DELETE_BATCH + 1):
        await store.put(f"a/{number}", b"")
    await store.delete_below("a/")
    assert await keys(store) == {}


async def test_a_probe_leaves_nothing(store: ObjectStore) -> None:
    assert await store.probe() > 0
    assert await keys(store) == {}


async def test_a_server_that_is_gone_is_an_error_without_secrets(s3: S3Server) -> None:
    store = ObjectStore(f"s3://{BUCKET}")
    s3.stop()
    try:
        for request in (store.put("a", b"1"), store.get("a"), store.delete(["a"]), store.delete_below("a/")):
            with pytest.raises(ObjectStoreError) as failure:
                await request
            assert SECRET not in repr(failure.value) and "http" not in str(failure.value)
            assert failure.value.__cause__ is None and failure.value.__suppress_context__
    finally:
        s3.start()
    await store.put("a", b"1")


async def test_a_missing_bucket_is_named_as_such(s3: S3Server) -> None:
    with pytest.raises(ObjectStoreError, match=r"^the object store does not accept uploads: the bucket or folder does"):
        await ObjectStore("s3://another").put("a", b"1")


@pytest.mark.parametrize("address", ["ftp://host/path", "s3://", "az://container/prefix"])
def test_an_address_that_cannot_be_used_is_an_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ObjectStoreError, match="check its address and the credentials"):
        ObjectStore(address)


async def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ObjectStoreError):
        await ObjectStore(str(tmp_path / "file" / "below")).put("a", b"1")
