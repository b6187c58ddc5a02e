"""Stream health: a meter counts the tags of an encoder; a monitor turns the counts into facts every two seconds."""
