"""The storage: segments and parts in memory and on disk, from the first part of a broadcast to its recording."""
