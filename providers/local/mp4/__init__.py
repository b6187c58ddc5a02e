"""MP4 boxes: written for CMAF, and read back from storage. No I/O except `fragment_span`, which reads an open file."""
