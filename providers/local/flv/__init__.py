"""FLV: the tag, its header, and files of tags. Sans-I/O."""
