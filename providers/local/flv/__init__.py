"""FLV: the tag, the head of its payload, metadata, and byte streams of tags. Sans-I/O."""
