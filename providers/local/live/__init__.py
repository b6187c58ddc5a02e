"""Running broadcasts: from an encoder's permission to publish to the end of its recording."""
