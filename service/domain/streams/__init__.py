"""Live inputs of channels, their stream sessions, and queries of both."""
