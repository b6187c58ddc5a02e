"""Errors of the storage::

StorageError        a write failed, and the broadcast cannot continue (its cause is the OSError)
└── StorageFull     too little free space to begin a broadcast
"""


class StorageError(Exception):
    """A write failed."""


class StorageFull(StorageError):
    """There is too little free space. The message may be shown to the streamer."""
