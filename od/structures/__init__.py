"""What travels between the rooms of od: frozen values without I/O, NumPy at most."""
