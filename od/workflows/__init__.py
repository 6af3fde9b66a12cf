"""What joins steps: a detector and its records, a workspace and its first files, all of it."""
