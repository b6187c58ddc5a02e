"""Readers of the event log in this process, and the bus that wakes them."""
