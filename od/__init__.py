"""od: from labelled photographs to an object detector on a Neural Compute Stick."""
