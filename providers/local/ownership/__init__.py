"""Which node carries which broadcast: the port, its twin in memory, and the keeper of a node's claims."""
