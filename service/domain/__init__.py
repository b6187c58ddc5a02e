"""What the product decides: streams, status, recordings, accounts. No I/O here, only ports."""
