"""MP4 boxes: written for CMAF, and read back from storage. Sans-I/O."""
