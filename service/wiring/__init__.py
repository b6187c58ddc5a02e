"""How the service is built: the drivers that the settings choose, the domain on them, and the HTTP API on the domain."""
