"""Who the client is, what it may see and change, and how often it may ask."""
