"""The log of events: every change is written once, in the transaction that makes it, and every reader reads the same log."""
