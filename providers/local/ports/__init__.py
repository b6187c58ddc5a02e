"""What the local provider needs from its surroundings, and what its parts need from each other."""
