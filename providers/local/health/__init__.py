"""What an encoder sends, measured as it passes: a gauge counts every tag, a checkup makes facts of it every two seconds."""
