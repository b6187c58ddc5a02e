"""H.264 and AAC headers: parsed in exactly one place. Sans-I/O."""
