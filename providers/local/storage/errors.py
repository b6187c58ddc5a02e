"""What can go wrong on the storage::

StorageError        a write failed: this broadcast cannot go on (its cause is the OSError)
└── StorageFull     too little free space to begin a broadcast
"""


class StorageError(Exception):
    """The storage could not keep what it was given."""


class StorageFull(StorageError):
    """Too little free space; the sentence may be shown to the streamer."""
