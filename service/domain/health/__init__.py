"""Diagnostics of an incoming stream: from measured facts to findings with advice."""
