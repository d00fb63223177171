"""3D ball balancing: the course's Unity scene in numpy."""
