"""Errors of the storage::

StorageError        a write failed, and the broadcast cannot continue (its cause is the OSError)
└── StorageFull     too little free space to begin a broadcast
ObjectStoreError    a request to the object store failed; retry it. It is an OSError, as a failing disk's is
"""


class StorageError(Exception):
    """A write failed."""


class StorageFull(StorageError):
    """There is too little free space. The message may be shown to the streamer."""


class ObjectStoreError(OSError):
    """The object store cannot be reached, or refused. The message names no address and no secret."""
