"""The packager: FLV tags in, CMAF init segments, parts and segments out. Sans-I/O: no socket, file, event loop or clock."""
