"""Live inputs of channels, their stream sessions, and what is listed of them."""
